"""Rules: which event starts what, as the operator writes them in the settings."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Self

from pydantic import Field, model_validator

from pratique.values._base import Value
from pratique.values.event import Action, EventKind
from pratique.values.names import Name

PREFIXES = {EventKind.PUSH: "refs/heads/", EventKind.TAG: "refs/tags/"}
"""What the full name of a ref starts with; rules name branches and tags without it."""


class Rule(Value):
    """Events of one kind, on refs of one pattern, start one action."""

    on: EventKind
    ref: str = Field(default="*", min_length=1, max_length=255)
    """A branch, a tag, or an image's `repository:tag`, where `*` stands for anything; a pull request has none to choose by."""
    do: Action
    through: Name | None = None
    """Of a delivery: the last environment; absent: all of them."""
    branch: str | None = Field(default=None, min_length=1, max_length=255)
    """Of an image: which branch of the service's repository is delivered or prepared because of it."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.on is EventKind.PULL_REQUEST) is not (self.do is Action.PREVIEW):
            raise ValueError("a pull request gives a preview and nothing else: its commits are not the repository's yet")
        if self.on is EventKind.PULL_REQUEST and self.ref != "*":
            raise ValueError("leave `ref` out: a pull request is told by its number")
        if self.through is not None and self.do is not Action.DELIVER:
            raise ValueError("only a delivery goes `through` environments")
        if (self.on is EventKind.IMAGE) is not (self.branch is not None):
            raise ValueError("write `branch` for images, and for nothing else: what is delivered then is that branch")
        return self

    def names(self, kind: EventKind, ref: str) -> bool:
        """Whether the rule is for this kind of event on this ref (in full)."""
        prefix = PREFIXES.get(kind, "")
        return kind is self.on and ref.startswith(prefix) and fnmatchcase(ref.removeprefix(prefix), self.ref)


USUAL_RULES = (
    Rule(on=EventKind.PUSH, ref="main", do=Action.DELIVER),
    Rule(on=EventKind.TAG, ref="v*", do=Action.PREPARE),
    Rule(on=EventKind.PULL_REQUEST, do=Action.PREVIEW),
)
"""What holds where nothing else is written."""
