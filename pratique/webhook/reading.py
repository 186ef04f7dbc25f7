"""Reading what was sent: only the fields that are asked for, never deeper than a document of a forge is.

Whatever bytes come in, what comes out is a value, or `Invalid`; a message names the field and never what stood in it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pratique.decisions.git_names import require_ref
from pratique.errors import Invalid, Problem
from pratique.values.heard import Call, Heard
from pratique.webhook.authentication import Headers

_DELIVERY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,149}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Sent(BaseModel):
    """A part of what was sent; everything in it that is not asked for is skipped."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


T = TypeVar("T", bound=BaseModel)


def read(model: type[T], body: bytes) -> T:
    """The body as the model; pydantic's parser itself refuses what is nested deeper than 200."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None


def hear(**fields: Any) -> Heard:
    """What was heard, or `Invalid` where a part of it can be no such thing."""
    try:
        return Heard(**fields)
    except ValidationError as error:
        raise _invalid(error) from None


def call(heard: Heard) -> Call:
    """A call that says one thing."""
    return Call(heard=(heard,))


def ignored(why: str) -> Call:
    """A call that says nothing to act on."""
    return Call(ignored=why)


def event_of(headers: Headers, name: str) -> str:
    """The kind of event that a header names, 100 letters at most."""
    told = headers.get(name, "")
    if not told or len(told) > 100 or not told.isprintable():  # noqa: PLR2004  no forge's name is as long
        raise Invalid(name, "the header is missing, or names no kind of event", "send it as the forge does")
    return told


def delivery_of(headers: Headers, *names: str) -> str:
    """The id of the call: the first of these headers that is there."""
    told = next((headers[name] for name in names if headers.get(name)), "").strip("{}")
    if not _DELIVERY.fullmatch(told):
        raise Invalid(names[0], "the header is missing, or is no id of a call", "send it as the forge does")
    return told


def digest_of_body(body: bytes) -> str:
    """An id for a call whose sender gives none: the same words are the same call."""
    return hashlib.sha256(body).hexdigest()


def commit_or_none(told: str | None) -> str | None:
    """The commit, if it is a full id; None where it is shortened or missing."""
    return told if told is not None and _COMMIT.fullmatch(told) and told.strip("0") else None


def is_deleted(commit: str) -> bool:
    """Whether it is the id that stands for no commit at all: the ref is gone."""
    return bool(commit) and not commit.strip("0")


def branch(name: str) -> str:
    """The full name of a branch."""
    return require_ref(f"refs/heads/{name}")


def tag(name: str) -> str:
    """The full name of a tag."""
    return require_ref(f"refs/tags/{name}")


def _invalid(error: ValidationError) -> Invalid:
    problems = [Problem(".".join(map(str, one["loc"])) or "body", _words(one["type"], one["msg"])) for one in error.errors()]
    return Invalid.all_of(problems[:10])


def _words(kind: str, message: str) -> str:
    # A parser's message may quote what it could not read.
    return "it is no JSON, or nested too deeply" if kind == "json_invalid" else message.splitlines()[0][:200]
