"""The parts of an envelope that are signed, read so that no two readers can disagree about them.

Format: DSSE 1.0.2 (github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from pydantic import ValidationError

from pratique.errors import Invalid
from pratique.values.evidence import STATEMENT_TYPE, Statement


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature is over; both lengths count bytes, not characters."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def strict_base64(text: str) -> bytes:
    """What `text` encodes; ValueError unless it is the one standard spelling of those bytes."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no standard base64: {error}") from None
    if base64.b64encode(content) != text.encode():
        raise ValueError("no canonical base64: its last character has stray bits")
    return content


def strict_json(content: bytes) -> Any:
    """What the JSON text says; ValueError where another reader may read something else, or nothing.

    Refused besides broken JSON: a repeated key, another encoding than UTF-8, lone surrogates, NaN, bottomless nesting.
    """
    try:
        found = json.loads(content.decode(), object_pairs_hook=_without_repetition)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def read_statement(payload: bytes) -> Statement:
    """The in-toto statement in a payload; `Invalid` where it is none."""
    try:
        found = strict_json(payload)
        statement = Statement.model_validate(found, by_alias=True, by_name=False)
    except ValueError as error:
        raise _no_statement(problems_of(error)) from None
    # The value has a default for statements that we make; a foreign one must say what it is.
    if "_type" not in found:
        raise _no_statement("it has no `_type`")
    return statement


def problems_of(error: ValueError) -> str:
    """What is wrong, in one line, without the input; at most five problems of a value that did not fit its model."""
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_input=False, include_url=False)[:5]
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'content'}: {item['msg']}" for item in found)


def _no_statement(problem: str) -> Invalid:
    return Invalid("the signed payload", f"is no in-toto statement: {problem}", f"expected {STATEMENT_TYPE}")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found
