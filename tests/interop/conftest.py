"""What the suites with the real cosign share. They take part wherever there is a Go toolchain to build it with."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pratique.clients.registry import open_registry
from pratique.settings import RegistrySettings
from tests import peers
from tests.fakes.stored_release import stored_release
from tests.interop.parties import REPOSITORY, Place
from tests.services.registry import RealRegistry, fixture_of

collect_ignore_glob = [] if peers.is_there("cosign") else ["test_*.py"]


@pytest.fixture(params=["plain", "referrers-api"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A new release in a registry without the referrers API, and in one with it."""
    real: RealRegistry = request.getfixturevalue(fixture_of(request.param))
    with open_registry(RegistrySettings(address=real.address, plain_http=True), real.credentials) as registry:
        digest = registry.push_artifact(REPOSITORY, "application/vnd.example.release", os.urandom(8), (), {})
        yield Place(real.address, registry, stored_release().model_copy(update={"digest": digest}))
