"""What every suite shares. Fixtures that start a real service live in `tests/services/`, one file each."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = [f"tests.services.{file.stem}" for file in sorted(Path(__file__).with_name("services").glob("[a-z]*.py"))]


@pytest.fixture(scope="session")
def services_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the state, the records and the logs of the services of this session."""
    return tmp_path_factory.mktemp("services")
