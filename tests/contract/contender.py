"""A process that competes for one lock: `python -m tests.contract.contender URL JOURNAL ROUNDS`.

In its turn it appends `enter <fence>` and `leave <fence>` to the journal; with 0 rounds it holds the lock until it is killed.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

from pratique.clients.ledger import open_ledger
from pratique.settings import LedgerSettings
from tests.contract.promotions import a_promotion


def compete(url: str, journal: Path, rounds: int) -> None:
    """Take the lock so often, each time for a promotion of its own."""
    # Long enough that only a holder that died can lose it.
    duration = timedelta(seconds=30 if rounds else 1)
    with open_ledger(LedgerSettings(url=url)) as ledger:
        for _ in range(rounds or 1):
            promotion = a_promotion()
            ledger.begin(promotion)
            while (lease := ledger.acquire(promotion.id, duration)) is None:
                time.sleep(0.01)
            with journal.open("a") as lines:
                lines.write(f"enter {lease.fence}\n")
            while not rounds:
                time.sleep(60)
            with journal.open("a") as lines:
                lines.write(f"leave {lease.fence}\n")
            ledger.grant(promotion.id, lease, "http://127.0.0.1:1")
            ledger.release(lease)


if __name__ == "__main__":
    compete(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
