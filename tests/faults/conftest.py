"""For the faults: a service that dev holds, and proxies in front of what its deliveries speak to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.place import Dev
from tests.services.fault_proxy import FaultProxy
from tests.services.stack import RunningStack, Service


@dataclass(frozen=True)
class Wires:
    """The wires that a fault may strike."""

    registry: FaultProxy
    vault: FaultProxy
    aws: FaultProxy

    def heal(self) -> None:
        for proxy in (self.registry, self.vault, self.aws):
            proxy.heal()


@pytest.fixture(scope="module")
def service(stack: RunningStack) -> Service:
    """A service of this file's own, whose first commit dev holds."""
    service = Service(stack, f"faults-{uuid.uuid4().hex[:8]}")
    # Long enough for a test that keeps a connection open; without one it costs no time.
    service.edit("pratique.yaml", "drain: 2s", "drain: 4m")
    service.commit("Drain patiently")
    service.delivered("--through", "dev")
    return service


@pytest.fixture(scope="module")
def dev(service: Service) -> Dev:
    return Dev(service)


@pytest.fixture(scope="module")
def rewired(stack: RunningStack) -> Iterator[Wires]:
    """The stack, every run and command of which goes through the proxies; a killed holder loses its lock sooner than usual."""
    settings = stack.settings()
    with ExitStack() as proxies:
        wires = Wires(
            registry=proxies.enter_context(FaultProxy(f"http://{settings.registry.address}")),
            vault=proxies.enter_context(FaultProxy(settings.vault.address)),
            aws=proxies.enter_context(FaultProxy(str(settings.environments["dev"].aws.endpoint))),
        )

        def change(content: dict[str, Any]) -> None:
            content["registry"]["address"] = wires.registry.address
            content["vault"]["address"] = wires.vault.url
            content["ledger"]["lease"] = "5s"
            for place in content["environments"].values():
                place["aws"]["endpoint"] = wires.aws.url

        with stack.changed_settings(change):
            yield wires


@pytest.fixture
def wires(rewired: Wires) -> Iterator[Wires]:
    """The proxies, without a fault."""
    yield rewired
    rewired.heal()
