"""The real AWS endpoint of the local stack, once per session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.local.aws import NAME, start_aws
from pratique.local.process import Processes, free_port


@pytest.fixture(scope="session")
def aws_endpoint(services_folder: Path) -> Iterator[str]:
    """The address of a running endpoint; its stacks are shared, so a test names its own."""
    processes = Processes(services_folder / "aws")
    yield start_aws(processes, free_port())
    processes.stop(NAME)
