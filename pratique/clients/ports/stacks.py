"""AWS CloudFormation."""

from __future__ import annotations

from typing import Protocol

from pratique.clients.ports.log import Log
from pratique.values.plan import StackPlan
from pratique.values.stack import DesiredStack


class Stacks(Protocol):
    """AWS CloudFormation."""

    def plan(self, stack: DesiredStack) -> StackPlan:
        """What applying it would change; nothing is touched."""
        ...

    def apply(self, stack: DesiredStack, fence: int, log: Log) -> dict[str, str]:
        """The outputs, once the stack is as desired; nothing is done where it is already."""
        ...

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of the stack as it is; empty where there is none."""
        ...

    def delete(self, name: str) -> None:
        """Delete the stack and wait until it is gone; harmless where there is none."""
        ...
