"""What is copied for an environment with repositories of its own, over registries in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.engine import workloads
from pratique.clients.ports import Copied, Registry
from pratique.errors import Refused
from pratique.pipeline.copies import copy_release
from pratique.settings import RegistrySettings, Settings
from pratique.values.environment import Environment, environment_of
from pratique.values.promotion import Standing
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease
from tasks import copies
from tests.contract.promotions import a_promotion
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import MANIFEST, stored_release

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
OWN = {"registry": {"address": "own.example.test"}}


@dataclass(frozen=True, slots=True)
class InMemory(Clients):
    """Two registries in memory: everybody's, and the environment's own."""

    shared: FakeRegistry = field(default_factory=FakeRegistry)
    own: FakeRegistry = field(default_factory=FakeRegistry)

    @contextmanager
    def registry(self, settings: RegistrySettings | None = None) -> Iterator[Registry]:
        yield self.shared if settings is None else self.own


def in_memory(**prod: Any) -> InMemory:
    login = {"login": {"method": "token", "token_file": "/nowhere"}}
    registry = {"address": "shared.example.test"}
    return InMemory(Settings.model_validate({"vault": login, "registry": registry, "environments": {"prod": prod}}))


def released(clients: InMemory, subject: str = "") -> StoredRelease:
    """A release that everybody's registry holds, with one statement attached to each image and to itself."""
    release = stored_release().release
    images = []
    for image in release.images:
        repository = image.reference.repository
        digest = clients.shared.push_artifact(repository, "application/vnd.example", image.name.encode(), [], {})
        images.append(image.model_copy(update={"reference": ImageReference(repository=repository, digest=digest)}))
    bundle = releases.store_infrastructure(clients.shared, "hello", b"bundle")
    commit = release.commit.model_copy(update={"subject": subject})
    made = release.model_copy(update={"images": tuple(images), "infrastructure": bundle, "commit": commit})
    stored = releases.store(clients.shared, made)
    for part in (*(image.reference for image in images), stored.reference):
        clients.shared.attach(part.repository, part.digest, b"evidence of %s" % str(part).encode(), "signature", CREATED)
    return stored


PROD = environment_of(MANIFEST, "prod")


@pytest.mark.parametrize("prod", [OWN, {**OWN, "repository": "prod/{repository}"}, {"repository": "prod/{repository}"}])
def test_every_part_is_copied_with_its_evidence_the_release_last_and_nothing_twice(prod: dict[str, Any]) -> None:
    clients = in_memory(**prod)
    stored, prefix = released(clients), "prod/" if "repository" in prod else ""
    target = clients.own if "registry" in prod else clients.shared
    first = list(copy_release(clients, stored, PROD))
    parts = [*(image.reference for image in stored.release.images), stored.infrastructure, stored.reference]
    assert [str(there) for there, _ in first] == [f"{prefix}{part}" for part in parts]
    assert all(copied.manifests for _, copied in first)
    for there, _ in first:
        assert target.manifest(there.repository, there.digest) is not None
        if there.digest != stored.infrastructure.digest:
            assert len(target.bundles(there.repository, there.digest)) == 1
    assert [copied for _, copied in copy_release(clients, stored, PROD)] == [Copied()] * len(parts)


def test_a_grant_that_came_since_is_brought_by_the_next_copy() -> None:
    clients = in_memory(**OWN)
    stored = released(clients)
    list(copy_release(clients, stored, PROD))
    clients.shared.attach(stored.reference.repository, stored.digest, b"the grant of prod", "grant", CREATED)
    again = [copied.manifests for _, copied in copy_release(clients, stored, PROD)]
    assert again == [0, 0, 0, 1]
    assert b"the grant of prod" in clients.own.bundles(stored.reference.repository, stored.digest)


def test_a_release_a_part_of_which_is_gone_is_not_copied_by_halves() -> None:
    clients = in_memory(**OWN)
    stored = released(clients)
    gone = stored.release.images[-1].reference
    del clients.shared.manifests[gone.repository, gone.digest]
    with pytest.raises(Refused, match=str(gone.digest)):
        list(copy_release(clients, stored, PROD))
    assert clients.own.manifest(stored.reference.repository, stored.digest) is None


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases that a task was run for."""
    found: list[str] = []

    async def copy(environment: Environment, stored: StoredRelease) -> None:
        found.append(f"{stored.release.commit.subject} to {environment.name}")

    monkeypatch.setattr(copies, "copy", copy)
    return found


async def test_nothing_is_shown_where_the_environment_keeps_no_copies(
    monkeypatch: pytest.MonkeyPatch, copied: list[str]
) -> None:
    clients = in_memory()
    monkeypatch.setattr(copies, "clients", lambda: clients)
    await copies.copy_to(PROD, released(clients, "new"), None)
    assert copied == []


async def test_what_the_environment_would_go_back_to_is_copied_as_well(
    monkeypatch: pytest.MonkeyPatch, copied: list[str]
) -> None:
    clients = in_memory(**OWN)
    monkeypatch.setattr(copies, "clients", lambda: clients)
    new, old = released(clients, "new"), released(clients, "old")
    await copies.copy_to(PROD, new, Standing(promotion=a_promotion(), stored=old))
    await copies.copy_to(PROD, new, Standing(promotion=a_promotion(), stored=new))
    await copies.copy_to(PROD, new, None)
    assert copied == ["new to prod", "old to prod", "new to prod", "new to prod"]


@pytest.mark.parametrize(
    ("prod", "address"),
    [
        ({}, "shared.example.test"),
        ({"repository": "prod/{repository}"}, "shared.example.test"),
        (OWN, "own.example.test"),
        ({**OWN, "targets": {"docker": {"registry": "as-the-host-sees-it:5000"}}}, "as-the-host-sees-it:5000"),
    ],
)
def test_the_target_pulls_from_the_environments_own_registry_at_the_address_that_its_host_sees(
    monkeypatch: pytest.MonkeyPatch, prod: dict[str, Any], address: str
) -> None:
    @contextmanager
    def connect(*_: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(workloads, "connect", connect)
    pulled_from: list[str] = []
    monkeypatch.setattr(workloads, "DockerWorkloads", lambda _engine, _target, registry, **_: pulled_from.append(registry))
    with in_memory(**prod).workloads(PROD):
        assert pulled_from == [address]
