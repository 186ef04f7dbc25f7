"""A part of a release is gone from the registry, as by a retention rule: it is told before anything changes, and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")


@pytest.mark.parametrize("part", ["image", "infrastructure"])
def test_what_is_gone_is_named_before_anything_changes_and_made_again(
    stack: RunningStack, here: FlowsHere, service: Service, part: str
) -> None:
    service.delivered("--through", "dev")
    with stack.clients() as clients, clients.ledger() as ledger:
        (stored,) = ledger.releases(service.name, limit=1)
    gone = part_of(stored, part)
    registry = f"http://{stack.settings().registry.address}/v2"
    assert httpx.delete(f"{registry}/{gone.repository}/manifests/{gone.digest}").status_code == 202

    for command in (("plan", "--to", "staging"), ("promote", "--to", "staging"), ("verify",)):
        done = stack.pratique(command[0], service.name, *command[1:])
        assert done.returncode == 3, done.stdout + done.stderr
        said = " ".join(done.stderr.split())
        assert f"{gone}" in said
        assert "not in the registry" in said
    row = stack.held(service.name).get("staging", {"release": None})
    assert row["release"] is None

    service.delivered("--through", "staging")
    assert stack.held(service.name)["staging"]["release"] == stored.digest
    with stack.clients() as clients, clients.registry() as reading:
        assert reading.missing(gone.repository, gone.digest) == ()


def part_of(stored: StoredRelease, part: str) -> ImageReference:
    return stored.release.images[0].reference if part == "image" else stored.infrastructure
