"""Stacks at AWS: planned, applied through change sets, deleted.

A stack is only ever changed by executing a change set that was made from what the stack was:
AWS voids it when anything else changes the stack in between, so two writers can't mix.
Termination protection, stack policies and deletion policies are the template's and the operator's: they are left alone.
"""

from __future__ import annotations

import time
import uuid
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, NoReturn

from pratique.clients.cloudformation import change_sets
from pratique.clients.cloudformation.change_sets import NOTHING, ChangeSet
from pratique.clients.cloudformation.errors import translated
from pratique.clients.cloudformation.events import EventStream, first_failure
from pratique.clients.cloudformation.looking import StackState, current, look
from pratique.clients.pauses import pause
from pratique.clients.ports import Log
from pratique.decisions.stack_plan import differences, is_needed, no_need, plan_stack, require_sound
from pratique.decisions.stack_status import Standing, has_succeeded, remedy, standing
from pratique.errors import Refused, Transient, footnote
from pratique.values.plan import StackPlan
from pratique.values.stack import FENCE_TAG, OUR_TAGS, CurrentStack, DesiredStack, Listing

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


class CloudFormationStacks:
    """The stacks of one account and region; use `open_stacks`."""

    def __init__(self, client: CloudFormationClient, *, poll: float, within: float) -> None:
        self._client, self._poll, self._within = client, poll, within

    def plan(self, stack: DesiredStack) -> StackPlan:
        """What applying it would change; the change set made to find out is deleted again."""
        require_sound(stack)
        with self._speaking_of(stack.name):
            state = look(self._client, stack.name)
            if state is None or standing(state.status) in (Standing.ABSENT, Standing.STILLBORN):
                # Asked under a name of its own: deleting a stack that is under review would else race with its creation,
                # and with whoever else plans it at the same time.
                shadow = stack.model_copy(update={"name": f"{stack.name[:113]}--plan-{uuid.uuid4().hex[:8]}"})
                listing = self._listing(shadow, "CREATE", stack.tags)
                now = None if state is None else CurrentStack(status=state.status, template="", parameters={}, tags={})
                return plan_stack(stack, now, listing)
            if standing(state.status) is Standing.BUSY:
                raise Transient(f"{self._place(stack.name)} is {state.status}: it can be planned once that has ended")
            self._require_unstuck(state)
            listing = self._listing(stack, "UPDATE", _without_ours(stack.tags) | _only_ours(state.tags))
            return plan_stack(stack, current(self._client, state), listing)

    def apply(self, stack: DesiredStack, fence: int, log: Log) -> dict[str, str]:
        """The outputs, once the stack is as desired; `Refused` with the first failing resource where AWS rolled back.

        Killed at any point and called again, it goes on: it waits for an operation that is under way, and executes a
        change set that was made under the same fence and not executed yet.
        """
        template = require_sound(stack)
        until = time.monotonic() + self._within
        with self._speaking_of(stack.name):
            state = self._settled(stack.name, fence, log, until)
            if state is not None and standing(state.status) is Standing.STILLBORN:
                log(f"deleting what a failed creation left of {stack.name}")
                self._remove(state, log, until)
                state = None
            different: tuple[str, ...] = ()
            exists = state is not None and standing(state.status) is Standing.SETTLED
            if state is not None and exists:
                different = differences(stack, current(self._client, state))
                if not different and not template.unechoed:
                    log(no_need(stack.name))
                    return state.outputs
            change_set = self._change_set(stack, state, "UPDATE" if exists else "CREATE", fence, until)
            if change_set is None or (exists and not is_needed(different, change_set.listing)):
                if change_set is not None:
                    self._client.delete_change_set(ChangeSetName=change_set.id)
                log(no_need(stack.name))
                return state.outputs if state else {}
            return self._execute(change_set, fence, log, until).outputs

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of the stack as it is; empty where there is none."""
        with self._speaking_of(name):
            state = look(self._client, name)
        return state.outputs if state else {}

    def delete(self, name: str) -> None:
        """Delete the stack and wait until it is gone; harmless where there is none."""
        until = time.monotonic() + self._within
        with self._speaking_of(name):
            state = look(self._client, name)
            if state is not None:
                self._remove(state, _silence, until)

    def _listing(self, stack: DesiredStack, kind: Literal["CREATE", "UPDATE"], tags: dict[str, str]) -> Listing:
        made = change_sets.make(self._client, stack, kind, f"pratique-plan-{uuid.uuid4().hex}", tags)
        if made is None:
            return NOTHING
        change_set_id, stack_id = made
        until = time.monotonic() + self._within

        def clean_up() -> None:
            with self._speaking_of(stack.name):
                self._client.delete_change_set(ChangeSetName=change_set_id)
                if kind == "CREATE":
                    self._client.delete_stack(StackName=stack_id)

        try:
            with self._speaking_of(stack.name):
                read = change_sets.read(self._client, change_set_id, self._place(stack.name), poll=self._poll, until=until)
        except BaseException as failure:
            with footnote(failure, f"remove the change set of the plan, {change_set_id}"):
                clean_up()
            raise
        clean_up()
        return read.listing

    def _settled(self, name: str, fence: int, log: Log, until: float) -> StackState | None:
        state = look(self._client, name)
        if state is None:
            return None
        state.require_fence(fence)
        if standing(state.status) is Standing.BUSY:
            log(f"waiting for {name}, which is {state.status}")
            stream = EventStream(self._client, state.id, log)
            stream.start_with_operation()
            self._wait(state, stream, until, until_told=False)
            state = look(self._client, name)
            if state is None:
                return None
            state.require_fence(fence)
        self._require_unstuck(state)
        return state

    def _change_set(
        self, stack: DesiredStack, state: StackState | None, kind: Literal["CREATE", "UPDATE"], fence: int, until: float
    ) -> ChangeSet | None:
        name = change_sets.name_for(stack, fence)
        change_set_id = None if state is None else change_sets.adopted(self._client, state, name)
        if change_set_id is None:
            made = change_sets.make(self._client, stack, kind, name, stack.tags | {FENCE_TAG: str(fence)})
            if made is None:
                return None
            change_set_id = made[0]
        return change_sets.read(self._client, change_set_id, self._place(stack.name), poll=self._poll, until=until)

    def _execute(self, change_set: ChangeSet, fence: int, log: Log, until: float) -> StackState:
        state = look(self._client, change_set.stack_id)
        if state is None:
            raise Transient(f"{self._place(change_set.stack_id)} was deleted while it was being changed")
        state.require_fence(fence)
        stream = EventStream(self._client, state.id, log)
        stream.start_now()
        self._client.execute_change_set(ChangeSetName=change_set.id)
        state = self._wait(state, stream, until, until_told=True)
        if not has_succeeded(state.status):
            self._refuse_failed(state, stream)
        return state

    def _remove(self, state: StackState, log: Log, until: float) -> None:
        stream = EventStream(self._client, state.id, log)
        stream.start_now()
        # By id: a stack of the same name that somebody makes meanwhile is not meant.
        self._client.delete_stack(StackName=state.id)
        state = self._wait(state, stream, until, until_told=True)
        if state.status != "DELETE_COMPLETE":
            self._refuse_failed(state, stream)

    def _wait(self, state: StackState, stream: EventStream, until: float, *, until_told: bool) -> StackState:
        """The stack once nothing changes it any more and, with `until_told`, its events have told the ending too."""
        while True:
            # A stack that was deleted is found by its id for 90 days, and is as good as deleted where it is not.
            state = look(self._client, state.id) or state.model_copy(update={"status": "DELETE_COMPLETE"})
            stream.drain()
            if standing(state.status) is not Standing.BUSY and (stream.has_ended or not until_told):
                return state
            if time.monotonic() > until:
                raise Transient(f"{self._place(state.name)} is still {state.status}: asked again, this goes on waiting")
            pause(self._poll)

    def _require_unstuck(self, state: StackState) -> None:
        if standing(state.status) is Standing.STUCK:
            why = f" ({state.reason})" if state.reason else ""
            raise Refused(f"{self._place(state.name)} is {state.status}{why}: {remedy(state.status)}")

    def _refuse_failed(self, state: StackState, stream: EventStream) -> NoReturn:
        cause = first_failure(stream.seen) or state.reason or "AWS gives no reason"
        stuck = f"; {remedy(state.status)}" if standing(state.status) is Standing.STUCK else ""
        raise Refused(f"{self._place(state.name)} ended {state.status}: {cause}{stuck}")

    def _speaking_of(self, name: str) -> AbstractContextManager[None]:
        return translated(self._place(name))

    def _place(self, name: str) -> str:
        return f"stack {name} in {self._client.meta.region_name}"


def _only_ours(tags: dict[str, str]) -> dict[str, str]:
    # In a plan they stay as they are: what `apply` writes there is no part of it.
    return {name: value for name, value in tags.items() if name.startswith(OUR_TAGS)}


def _without_ours(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith(OUR_TAGS)}


def _silence(_line: str) -> None:
    """Nobody listens."""
