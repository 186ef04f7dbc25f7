"""Plans: the changes an environment would see, or the reason why there are none."""

from __future__ import annotations

from typing import Literal

from pratique.values._base import Value
from pratique.values.digest import Digest, canonical_json, digest_of


class Change(Value):
    """One thing that would change."""

    kind: Literal["stack", "workload"]
    name: str
    action: Literal["create", "update", "replace", "remove"]
    detail: str
    """What would change, for the person who approves it; holds no secret."""


class StackPlan(Value):
    """What one stack would see."""

    stack: str
    """The full name of the stack at AWS."""
    changes: tuple[Change, ...] = ()
    reason: str = ""
    """Why there are no changes."""
    desired: Digest
    """Of template and parameters together: what would be applied, even where the endpoint lists no changes for it."""


class Plan(Value):
    """Everything one promotion would change in one environment."""

    changes: tuple[Change, ...] = ()
    reason: str = ""
    """Why there are no changes."""
    desired: tuple[Digest, ...] = ()
    """What each stack and the workload would be, whatever they are now."""

    @property
    def is_empty(self) -> bool:
        return not self.changes

    @property
    def digest(self) -> Digest:
        """What an approval is bound to: it changes when any change, or anything desired, changes."""
        return digest_of(canonical_json(self.model_dump(mode="json")))
