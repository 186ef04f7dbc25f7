"""Stacks: what one should be, what it is, and what CloudFormation itself says would change."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pratique.values._base import Value
from pratique.values.digest import Digest, canonical_json, digest_of

OUR_TAGS = "pratique:"
"""Tags that start so say who changed the stack last. They are written whenever it changes, and are never a reason to."""

FENCE_TAG = f"{OUR_TAGS}fence"
"""The stack tag that holds the fence of the promotion that changed the stack last."""


class DesiredStack(Value):
    """What one stack should be."""

    name: str
    template: str
    parameters: dict[str, str]
    tags: dict[str, str]
    """A tag that differs is a change like any other, but for those that are `OUR_TAGS`."""

    @property
    def digest(self) -> Digest:
        """Of template and parameters together."""
        return digest_of(canonical_json({"template": self.template, "parameters": self.parameters}))


class CurrentStack(Value):
    """What one stack is now."""

    status: str
    """As CloudFormation spells it, such as `UPDATE_COMPLETE`."""
    template: str
    parameters: dict[str, str] = Field(repr=False)
    """Values of `NoEcho` parameters are masked: `****`."""
    tags: dict[str, str]


class ListedChange(Value):
    """One resource of a change set, as `DescribeChangeSet` lists it."""

    action: Literal["Add", "Modify", "Remove", "Import", "Dynamic", "SyncWithActual"]
    logical_id: str
    resource_type: str
    replacement: Literal["True", "False", "Conditional"] = "False"
    scope: tuple[str, ...] = ()
    """Which parts of the resource change: `Properties`, `Metadata`, `Tags` …; empty where the endpoint does not say."""


class Listing(Value):
    """A change set, as far as a plan needs it."""

    changes: tuple[ListedChange, ...] = ()
    unchanged: bool = False
    """CloudFormation refuses to make a change set, because it finds nothing to change. An empty list does not say that."""
