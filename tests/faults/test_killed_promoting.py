"""Killed with `kill -9` while an environment changes: what served goes on serving, and the same command again ends well."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from tests.faults.conftest import Wires
from tests.faults.place import DONE, TRANSIENT, Dev
from tests.faults.watching import Command, Gate, eventually, process_of
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("faults")

GO = "/tmp/go"  # noqa: S108  # in a container
WAITS = f"while [ ! -e {GO} ]; do busybox sleep 0.1; done"
CHECK = f"  - name: held\n    command: {{run: [/bin/busybox, test, -e, {GO}]}}\n    deadline: 5m\n"


class Held:
    """A delivery that stands still inside a step of its promotion to `dev`."""

    def __init__(self, service: Service, dev: Dev, wires: Wires, held: ExitStack) -> None:
        self.service, self.dev, self.wires, self.held = service, dev, wires, held
        self.stack = service.stack
        self.before = dev.serves()

    def changed(self, file: str, old: str, new: str) -> None:
        """Another text in the next commit, and only in that."""
        self.service.edit(file, old, new)
        self.held.callback(self.service.edit, file, new, old)

    def started(self) -> Command:
        """Begin to deliver."""
        self.commit = self.service.commit()
        return self.held.enter_context(Command(self.stack, "deliver", self.service.repository, "--through", "dev"))


def provisioning(held: Held) -> Command:
    """The change set was made, and is about to be executed."""
    held.changed("infrastructure/messages/template.yaml", "Default: 3600", "Default: 7200")
    gate = Gate()
    held.held.callback(gate.open)
    held.wires.aws.before(gate, method="POST", body=b"Action=ExecuteChangeSet")
    delivery = held.started()
    gate.until_reached()
    delivery.inside("provision messages in dev")
    assert held.dev.serves() == held.before
    return delivery


def deploying_before_the_switch(held: Held) -> Command:
    """The new container runs, and is not ready yet."""
    held.changed("serve", "unset DB_PASSWORD", f"unset DB_PASSWORD\n{WAITS}")
    held.held.callback(held.dev.touch, GO)
    delivery = held.started()
    eventually(lambda: held.dev.running() == 2, "the new container runs")
    delivery.inside("deploy to dev")
    assert held.dev.serves() == held.before
    return delivery


def deploying_after_the_switch(held: Held) -> Command:
    """Traffic goes to the new container, and a connection keeps the old one."""
    held.changed("serve", "unset DB_PASSWORD", f"unset DB_PASSWORD\n{WAITS}")
    host, _, port = held.dev.address.partition(":")
    delivery = held.started()
    eventually(lambda: held.dev.running() == 2, "the new container runs")
    # Opened as late as can be: the old container does not wait for the rest of a request for ever.
    connection = socket.create_connection((host, int(port)))
    held.held.callback(connection.close)
    connection.sendall(b"GET /version HTTP/1.1\r\n")
    held.dev.touch(GO)
    eventually(lambda: held.dev.serves() == held.commit, "traffic goes to the new container")
    assert len(held.dev.containers()) == 2
    delivery.inside("deploy to dev")
    return delivery


def checking(held: Held) -> Command:
    """A check does not pass yet."""
    held.changed("pratique.yaml", "checks:\n", f"checks:\n{CHECK}")
    held.held.callback(held.dev.touch, GO)
    delivery = held.started()
    delivery.inside("check dev")
    return delivery


def granting(held: Held) -> Command:
    """Every check has passed, and the ledger is busy with somebody else."""
    held.changed("pratique.yaml", "checks:\n", f"checks:\n{CHECK}")
    delivery = held.started()
    delivery.inside("check dev")
    file = held.stack.settings().ledger.url.removeprefix("sqlite:///")
    other = held.held.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
    other.execute("BEGIN IMMEDIATE")
    held.dev.touch(GO)
    delivery.inside("grant dev")
    return delivery


POINTS: list[Callable[[Held], Command]] = [
    provisioning,
    deploying_before_the_switch,
    deploying_after_the_switch,
    checking,
    granting,
]


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.__name__)
def test_the_same_delivery_again_ends_as_if_nobody_had_been_killed(
    stack: RunningStack, service: Service, dev: Dev, wires: Wires, point: Callable[[Held], Command]
) -> None:
    with ExitStack() as holding:
        held = Held(service, dev, wires, holding)
        delivery = point(held)
        promotion = delivery.run_of("dev")
        process_of(stack, promotion).kill()
        code, output = delivery.ended()
        assert code == TRANSIENT, output
        assert "its run was killed" in output
        assert delivery.state(promotion) == "Crashed"
        # Whichever of the two it is, one whole release serves.
        assert dev.serves() in (held.before, held.commit)
    wires.heal()

    again = service.deliver("--through", "dev")
    assert again.returncode == DONE, again.stdout + again.stderr
    dev.require_settled(held.commit)
    granted, abandoned = dev.history()[:2]
    assert abandoned.state == "abandoned"
    assert (abandoned.commit, abandoned.release) == (granted.commit, granted.release)
    assert granted.id in abandoned.reason
    assert (granted.fence or 0) > (abandoned.fence or 0)
    rows = stack.read("history", service.name, "--in", "dev")
    assert [row["state"] for row in rows[:2]] == ["granted", "abandoned"]
