"""The last net before a signature: what is signed is public, and stays."""

from __future__ import annotations

from typing import Any

from pratique.decisions.summaries import EXCEPTED, REASONS
from pratique.scrub import scrubbed
from pratique.values.evidence import Statement

_FREE = frozenset({"reason", "reasons", "detail", "why", REASONS, EXCEPTED})
"""Where people and programs say what they like. Names and digests are left alone: others compare them."""


def without_secrets(statement: Statement) -> Statement:
    """The statement, with what this process knows to be secret replaced in its free texts."""
    return statement.model_copy(update={"predicate": _cleaned(statement.predicate)})


def _cleaned(value: Any) -> Any:
    match value:
        case dict():
            return {name: scrubbed(one) if name in _FREE else _cleaned(one) for name, one in value.items()}
        case list() | tuple():
            return [_cleaned(one) for one in value]
        case _:
            return value
