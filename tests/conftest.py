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


ORDER = ("e2e", "attacks", "faults", "contract", "unit", "interop")
"""What takes long begins first, so that nobody waits for it in the end; the real cosign last, because Go may still build it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        kind = item.path.relative_to(Path(__file__).parent).parts[0]
        return ORDER.index(kind) if kind in ORDER else len(ORDER)

    items.sort(key=place)


def pytest_make_parametrize_id(val: object) -> str | None:
    """The beginning of a long value names its test as well as all of it would."""
    longest = 60
    return f"{ascii(val)[:longest]}…" if isinstance(val, str | bytes) and len(val) > longest else None
