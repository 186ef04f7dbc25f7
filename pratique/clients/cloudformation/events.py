"""A stack's events: streamed in order, once each, and read for what failed first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pratique.clients.ports import Log
from pratique.values._base import Value

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_STARTS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"})
_BYSTANDER = "cancelled"
"""`Resource creation cancelled`, `Resource update cancelled`: stopped because of another's failure."""


class Event(Value):
    """One line of a stack's history."""

    id: str
    stack_id: str
    logical_id: str
    physical_id: str = ""
    resource_type: str = ""
    status: str
    reason: str = ""

    @property
    def is_of_stack(self) -> bool:
        """Whether it speaks of the stack itself, and not of a resource in it."""
        return self.physical_id == self.stack_id

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.status} {self.logical_id} ({self.resource_type})" + (f": {self.reason}" if self.reason else "")


def first_failure(events: Iterable[Event]) -> str:
    """The first failing resource with its type and reason, from events in order; empty where none failed."""
    failed = [event for event in events if event.status.endswith("_FAILED")]
    causes = [event for event in failed if not event.is_of_stack and _BYSTANDER not in event.reason]
    for event in (*causes, *failed):
        return f"{event.logical_id} ({event.resource_type}) {event.status}: {event.reason or 'AWS gives no reason'}"
    return ""


class EventStream:
    """The events of one operation on one stack."""

    def __init__(self, client: CloudFormationClient, stack_id: str, log: Log) -> None:
        self._client, self._stack_id, self._log = client, stack_id, log
        self._newest_known: str | None = None
        self.seen: list[Event] = []

    def start_now(self) -> None:
        """Leave out everything that has happened so far."""
        self._newest_known = next((event.id for event in self._newest_first()), None)

    def start_with_operation(self) -> None:
        """Leave out everything before the operation that is under way, whoever began it."""
        events = self._newest_first()
        began = next((event for event in events if event.is_of_stack and event.status in _STARTS), None)
        before = next(events, None) if began else None
        self._newest_known = before.id if before else None

    def drain(self) -> None:
        """Tell what is new."""
        fresh: list[Event] = []
        for event in self._newest_first():
            if event.id == self._newest_known:
                break
            fresh.append(event)
        for event in reversed(fresh):
            self._newest_known = event.id
            self.seen.append(event)
            self._log(event.line)

    @property
    def has_ended(self) -> bool:
        """Whether the last thing said of the stack itself is an ending."""
        statuses = [event.status for event in self.seen if event.is_of_stack]
        return bool(statuses) and not statuses[-1].endswith("_IN_PROGRESS")

    def _newest_first(self) -> Iterator[Event]:
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            for event in page["StackEvents"]:
                yield Event(
                    id=event["EventId"],
                    stack_id=event["StackId"],
                    logical_id=event.get("LogicalResourceId", ""),
                    physical_id=event.get("PhysicalResourceId", ""),
                    resource_type=event.get("ResourceType", ""),
                    status=event.get("ResourceStatus", ""),
                    reason=event.get("ResourceStatusReason", ""),
                )
