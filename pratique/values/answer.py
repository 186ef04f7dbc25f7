"""What a person answers to the form that a run which waits for approval shows in Prefect's UI."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from pratique.values._base import Value


class Answer(Value):
    """An answer; nothing in it has a default, so that no run goes on by an answer that nobody gave.

    Nobody can prove whose it is: it counts where the environment's gates take clicks, and is recorded as one.
    """

    decision: Literal["approve", "reject", "look again"]
    """`look again` only decides anew, on what people have signed since."""
    name: str = Field(min_length=2, max_length=200)
    """Who answers."""
    reason: str = Field(min_length=1, max_length=1000)


class GivenAnswer(Value):
    """An answer as Prefect keeps it."""

    answer: Answer
    given_at: AwareDatetime
