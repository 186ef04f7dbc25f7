"""A process that attaches evidence: `python -m tests.contract.attacher ADDRESS REPOSITORY SUBJECT NAME COUNT`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from pratique.clients.registry import open_registry
from pratique.errors import Transient
from pratique.settings import RegistrySettings
from pratique.values.digest import Digest


def attach(address: str, repository: str, subject: Digest, name: str, count: int) -> None:
    """Attach `count` bundles, asking again as a task would."""
    with open_registry(RegistrySettings(address=address, plain_http=True), None) as registry:
        for number in range(count):
            for attempt in range(10):
                try:
                    registry.attach(repository, subject, f"{name} {number}".encode(), "p", datetime(2026, 1, 1, tzinfo=UTC))
                    break
                except Transient:
                    if attempt == 9:
                        raise


if __name__ == "__main__":
    attach(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
