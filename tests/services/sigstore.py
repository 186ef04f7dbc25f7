"""A private Sigstore deployment for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services._private_sigstore.deployment import PrivateSigstore


@pytest.fixture(scope="session")
def private_sigstore(services_folder: Path) -> Iterator[PrivateSigstore]:
    folder = services_folder / "sigstore"
    folder.mkdir()
    with PrivateSigstore(folder) as deployment:
        yield deployment
