"""What docs/runbook.md promises to help, helps."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from pratique.cli.exit_codes import ExitCode
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")

RAISE = "update locks set fence = ? where service = ? and environment = ? and fence < ?"
"""As under *The ledger was lost, or restored from a backup*."""


@contextmanager
def ledger_of(stack: RunningStack) -> Iterator[sqlite3.Connection]:
    path = stack.settings().ledger.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def test_a_ledger_that_went_back_in_time_is_refused_until_its_fence_is_raised(stack: RunningStack, here: FlowsHere) -> None:
    service = Service(stack, "hello-restored")
    stack.read("releases")  # whoever asks first makes the tables
    with ledger_of(stack) as ledger:
        ledger.execute("insert into locks (service, environment, fence) values (?, 'dev', 6)", (service.name,))
    service.delivered("--through", "dev")
    with ledger_of(stack) as ledger:
        ledger.execute("update locks set fence = 0 where service = ?", (service.name,))
    service.edit("serve", "echo ok", "echo ok, again")
    service.commit()

    refused = service.deliver("--through", "dev")
    assert refused.returncode == ExitCode.REFUSED, refused.stdout + refused.stderr
    seen = re.search(r"changed under fence (\d+) and ours is 1,.*docs/runbook\.md", refused.stderr)
    assert seen is not None, refused.stderr
    states = [row["state"] for row in stack.read("history", service.name)]
    assert states == ["failed", "granted"]

    with ledger_of(stack) as ledger:
        fence = int(seen[1])
        ledger.execute(RAISE, (fence, service.name, "dev", fence))
    service.delivered("--through", "dev")
    assert [row["state"] for row in stack.read("history", service.name)] == ["granted", "failed", "granted"]
