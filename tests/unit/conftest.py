"""Unit tests reach nothing: sockets are closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket

from pratique import scrub


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of earlier tests in this process are not taken out of this one's texts."""
    monkeypatch.setattr(scrub, "_known", set())


@pytest.fixture(autouse=True)
def _closed_sockets() -> Iterator[None]:
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
