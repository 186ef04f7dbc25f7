"""Every `Ledger`: the fake, SQLite, and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique.clients.ledger import open_ledger
from pratique.clients.ports import Ledger
from pratique.settings import LedgerSettings
from tests.fakes.ledger import FakeLedger


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "fake":
        yield FakeLedger()
        return
    new_postgresql: Callable[[], str]
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        new_postgresql = request.getfixturevalue("new_postgresql")
        url = new_postgresql()
    with open_ledger(LedgerSettings(url=url)) as real:
        yield real
