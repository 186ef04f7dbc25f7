"""What every suite shares. Fixtures that start a real service live in `tests/services/`, one file each."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tests.costs"]
pytest_plugins += [f"tests.services.{file.stem}" for file in sorted(Path(__file__).with_name("services").glob("[a-z]*.py"))]


@pytest.fixture(scope="session")
def services_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the state, the records and the logs of the services of this session."""
    return tmp_path_factory.mktemp("services")


def pytest_make_parametrize_id(val: object) -> str | None:
    """The beginning of a long value names its test as well as all of it would."""
    longest = 60
    return f"{ascii(val)[:longest]}…" if isinstance(val, str | bytes) and len(val) > longest else None
