"""What passes is asked again, step by step and within bounds; what was refused is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.conftest import Wires
from tests.faults.place import DONE, REFUSED, TRANSIENT, Dev
from tests.faults.watching import Command, eventually
from tests.services.stack import RunningStack, Service

pytestmark = pytest.mark.xdist_group("faults")

THROTTLED = b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"


def test_a_delivery_on_a_bad_day_succeeds_and_only_what_failed_was_asked_again(
    stack: RunningStack, service: Service, dev: Dev, wires: Wires
) -> None:
    service.edit("serve", "set -eu", "set -eu\n# changed, so that there is something to push")
    commit = service.commit()
    openbao = stack.local.openbao()
    wires.registry.answer(503, method="PUT", path="/images/.*/manifests/kept-", times=2)
    wires.registry.delay(2, method="GET", path="/releases/manifests/commit-")
    wires.registry.answer(429, headers={"Retry-After": "1"}, method="PUT", path="/releases/manifests/")
    wires.aws.answer(400, body=THROTTLED)
    wires.vault.before(openbao.seal, path="/transit/sign/")
    try:
        with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
            eventually(lambda: delivery.attempts("sign ").get("sign hello", 0) > 1, "a sealed Vault is asked again")
            openbao.unseal()
            code, output = delivery.ended()
            assert code == DONE, output
            attempts = delivery.attempts()
    finally:
        openbao.unseal()

    # Prefect's own database answers 503 while it is busy, which on a busy machine is nothing of this test's making.
    asked_again = {step: count for step, count in attempts.items() if count > 1 and step != "promote to dev"}
    assert asked_again.keys() == {"push hello", "sign hello", "store the release", "plan dev"}
    assert (asked_again["push hello"], asked_again["store the release"], asked_again["plan dev"]) == (3, 2, 2)
    dev.require_settled(commit)


def test_a_vault_that_denies_fails_the_delivery_at_once_and_nothing_has_changed(
    stack: RunningStack, service: Service, dev: Dev
) -> None:
    before, serving = dev.serves(), [container.id for container in dev.containers()]
    commit = service.commit("One that may not read its secrets")
    with _denied(stack), Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        code, output = delivery.ended()
        attempts = delivery.attempts()
        last = {run: delivery.last_line(run) for run in (delivery.run_id, delivery.run_of("dev"))}

    assert code == REFUSED, output
    assert f"kv/data/{service.name}/dev" in output
    # Who reads the log of either run finds the reason at its end.
    assert all(line.startswith("Refused: ") and f"kv/data/{service.name}/dev" in line for line in last.values()), last
    assert "pratique-secrets" in output
    assert attempts["read the secrets of dev"] == 1
    assert "deploy to dev" not in attempts
    assert "provision messages in dev" not in attempts
    assert (dev.serves(), [container.id for container in dev.containers()]) == (before, serving)
    assert [(one.state, one.commit) for one in dev.history()[:1]] == [("failed", commit)]
    assert dev.is_free()
    service.delivered("--through", "dev")
    dev.require_settled(commit)


def test_a_registry_that_stays_broken_ends_the_delivery_within_the_bounds_of_its_environment(
    stack: RunningStack, service: Service, dev: Dev, wires: Wires
) -> None:
    before = dev.serves()
    service.edit("pratique.yaml", "  dev: {}", "  dev:\n    retries: {attempts: 3, within: 1m}")
    commit = service.commit("Ask three times at most")

    def break_down() -> None:
        wires.registry.answer(503, times=1_000_000)

    # From the moment on at which everything is decided and nothing is changed yet.
    wires.vault.before(break_down, path=f"/kv/data/{service.name}/dev")
    with Command(stack, "deliver", service.repository, "--through", "dev") as delivery:
        code, output = delivery.ended()
        attempts = delivery.attempts()

    assert code == TRANSIENT, output
    assert "503" in output
    assert attempts["provision messages in dev"] == 3
    assert "grant dev" not in attempts
    wires.heal()
    assert dev.serves() == before
    failed, granted = dev.history()[:2]
    assert (failed.state, failed.commit, granted.commit) == ("failed", commit, before)
    assert "503" in failed.reason
    assert dev.is_free()
    service.delivered("--through", "dev")
    dev.require_settled(commit)


@contextmanager
def _denied(stack: RunningStack) -> Iterator[None]:
    """Within it the pipeline's policy grants nothing of the service's secrets."""
    openbao = stack.local.openbao()
    rules = {"path": {"kv/data/aws": {"capabilities": ["read"]}}}
    with openbao.administration() as client:
        client.adapter.post("/v1/sys/policies/acl/pratique-secrets", json={"policy": json.dumps(rules)})
    try:
        yield
    finally:
        # Bringing OpenBao up writes its policies again.
        stack.local.openbao()
