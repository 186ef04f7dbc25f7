"""How long the questions take that people ask of a ledger with a million promotions and as many rulings.

    make bench-ledger            # or: python -m benchmarks.ledger.measure --events 1000000

Half of everything is one service in one environment; the rest is spread over fifty services in four environments each.
SQLite is on this machine's disk, PostgreSQL is the cluster that the tests start. What is asked for is different each time.
The last question is a whole `audit`: it reads and verifies a release's evidence in a registry on this machine, too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import tomli_w
from sqlalchemy import insert, text

from benchmarks.webhook.measure import machine
from pratique.cli.views import held_rows, history_rows
from pratique.clients.ledger import open_ledger
from pratique.clients.ledger.engine import connect
from pratique.clients.ledger.records import columns_of, columns_of_release
from pratique.clients.ledger.ruled import columns_of_ruling
from pratique.clients.ledger.tables import locks, promotions, releases, rulings
from pratique.clients.ports import Ledger
from pratique.local.process import Processes, free_port
from pratique.local.registry import NAME, start_registry
from pratique.pipeline.auditing import MOST_RULINGS, audit
from pratique.settings import LedgerSettings
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner
from pratique.values.promotion import PromotionState
from pratique.values.ruling import Approve, Hold, Lift, Revoke, Ruling, SignedRuling
from tests.contract.past import Factory
from tests.contract.promotions import a_promotion, a_release
from tests.services.postgresql import Cluster
from tests.services.registry import RealRegistry

SERVICES, PLACES = 50, ("dev", "load", "staging", "prod")
BUSY = ("service-0", "prod")
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=3)
BATCH = 10_000
ROUNDS, FEW = 100, 20
BAR_MS = 1000


def main() -> None:
    """Measure, print, and write the figures to `--json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="promotions, and as many rulings")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine(), "events": asked.events}
    with tempfile.TemporaryDirectory(prefix="pratique-bench-") as place:
        # The cluster may have to run as another user, who must be able to enter.
        Path(place).chmod(0o755)
        folder = Path(place)
        with registry_in(folder) as site, postgresql_in(folder) as cluster:
            for name, url in (("sqlite", f"sqlite:///{folder / 'ledger.db'}"), ("postgresql", cluster.new_database())):
                figures[name] = measured(folder, Factory.at(site, url), asked.events)
                print(name, json.dumps(figures[name]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2))
    slow = [
        f"{name}: {question}"
        for name in ("sqlite", "postgresql")
        for question, took in figures[name]["questions"].items()
        if took["p95_ms"] >= BAR_MS
    ]
    print("over the bar of 1 s: " + (", ".join(slow) or "nothing"))


def measured(folder: Path, factory: Factory, events: int) -> dict[str, Any]:
    """The figures of one database."""
    began = time.perf_counter()
    fill(factory.settings.ledger.url, events)
    filled = time.perf_counter() - began
    stored = factory.make("audited", BEGAN)
    factory.promote(stored, *PLACES)
    found = audit(factory, "audited", "prod", None)
    if found is None or not found.is_proved:
        raise RuntimeError(f"the audit is not proved: {found}")

    def whole() -> object:
        return audit(factory, "audited", "prod", None)

    with settings_in(folder, factory), open_ledger(factory.settings.ledger) as ledger:
        questions = {what: timed(ask) for what, ask in questions_to(ledger, events).items()}
        questions["environments: everything"] = timed(held_rows, FEW)
        questions["a whole audit, its evidence read and verified"] = timed(whole, FEW)
    return {"filled_seconds": round(filled), "questions": questions}


def questions_to(ledger: Ledger, events: int) -> dict[str, Callable[[], object]]:
    """What people ask; each time of another place or moment."""
    chosen = random.Random(2026)  # noqa: S311  # nothing secret in it

    def somewhere() -> tuple[str, str]:
        return f"service-{chosen.randrange(1, SERVICES)}", chosen.choice(PLACES)

    def sometime() -> datetime:
        return BEGAN + STEP * chosen.randrange(events // 10, events)

    def audited(place: tuple[str, str], at: datetime) -> object:
        """Everything that an audit asks the ledger."""
        ledger.environments(place[0])
        held = ledger.granted_at(*place, at)
        if held is None:
            raise RuntimeError(f"{place} held nothing at {at}")
        after = ledger.granted_after(held)
        until = None if after is None else after.finished_at
        known = ledger.rulings(*place, MOST_RULINGS, kinds=("hold", "lift", "revoke"), until=until)
        return ledger.promotion(held.id), known

    return {
        "audit: a place among many, then": lambda: audited(somewhere(), sometime()),
        "audit: the busy place, then": lambda: audited(BUSY, sometime()),
        "audit: the busy place, at its beginning": lambda: audited(BUSY, BEGAN + STEP * 1000),
        "audit: the busy place, now": lambda: (ledger.granted(*BUSY), ledger.rulings(*BUSY, MOST_RULINGS, kinds=("hold",))),
        "environments: one service": lambda: held_rows(somewhere()[0]),
        "environments: the busy service": lambda: held_rows(BUSY[0]),
        "history: everything": lambda: history_rows(None, None, 20),
        "history: one service": lambda: history_rows(somewhere()[0], None, 20),
        "history: the busy place": lambda: history_rows(*BUSY, 1000),
        "rulings: the busy place": lambda: ledger.rulings(*BUSY, 20),
    }


def timed(ask: Callable[[], object], rounds: int = ROUNDS) -> dict[str, float]:
    """How long the answers took, in milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    took.sort()
    p95 = took[int(len(took) * 0.95)]
    return {"p50_ms": round(statistics.median(took), 1), "p95_ms": round(p95, 1), "max_ms": round(took[-1], 1)}


def fill(url: str, events: int) -> None:
    """The tables, filled past the ports: a million calls would take hours."""
    with open_ledger(LedgerSettings(url=url)):
        pass  # makes the tables
    stored = {f"service-{number}": a_release(f"service-{number}") for number in range(SERVICES)}
    known = [columns_of_release(one, BEGAN) for one in stored.values()]
    engine = connect(url)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(insert(releases), known)
        fences: dict[tuple[str, str], int] = {}
        rows = (promotion_row(number, fences, stored[place(number)[0]].digest) for number in range(events))
        while batch := list(islice(rows, BATCH)):
            connection.execute(insert(promotions), batch)
        lock_rows = [{"service": at[0], "environment": at[1], "fence": fence} for at, fence in fences.items()]
        connection.execute(insert(locks), lock_rows)
        decided = (ruling_row(number) for number in range(events))
        while batch := list(islice(decided, BATCH)):
            connection.execute(insert(rulings), batch)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()


def place(number: int) -> tuple[str, str]:
    """Where event `number` happens: every second one in the busy place."""
    return BUSY if number % 2 else (f"service-{number // 2 % SERVICES}", PLACES[number // 2 // SERVICES % len(PLACES)])


_PROMOTION = columns_of(a_promotion(state=PromotionState.GRANTED, address="127.0.0.1:8080"))


def promotion_row(number: int, fences: dict[tuple[str, str], int], release: str) -> dict[str, Any]:
    """One of five failed; each granted one has evidence of its own."""
    at = BEGAN + STEP * number
    where = place(number)
    fences[where] = fences.get(where, 0) + 1
    failed = number // 7 % 5 == 0
    return _PROMOTION | {
        "id": f"promotion-{number}",
        "service": where[0],
        "environment": where[1],
        "release": release,
        "state": PromotionState.FAILED if failed else PromotionState.GRANTED,
        "fence": fences[where],
        "started_at": at - STEP / 2,
        "finished_at": at,
        "evidence": None if failed else digest_of(b"grant %d" % number),
    }


def _ruling(kind: type[Ruling], **fields: Any) -> dict[str, Any]:
    about = {"service": "service-0", "release": digest_of(b"release"), "commit": "1" * 40, "made_at": BEGAN, "reason": "so"}
    ruling = kind.model_validate(about | fields)
    return columns_of_ruling(SignedRuling(ruling=ruling, by="ada", signer=KeySigner(hint="k"), bundle=digest_of(b"bundle")))


_HERE = {"environment": "prod"}
_APPROVAL = _ruling(Approve, **_HERE, plan=digest_of(b"plan"), policy=digest_of(b"policy"))
_HOLD = _ruling(Hold, **_HERE, promotion="promotion-1")
_LIFT = _ruling(Lift, **_HERE, hold=digest_of(b"hold"))
_REVOCATION = _ruling(Revoke)


def ruling_row(number: int) -> dict[str, Any]:
    """Nearly all are approvals; of a thousand, four hold or lift and one revokes."""
    row = {3: _HOLD, 502: _HOLD, 503: _LIFT, 4: _LIFT, 505: _REVOCATION}.get(number % 1000, _APPROVAL)
    where = place(number)
    return row | {
        "bundle": digest_of(b"ruling %d" % number),
        "service": where[0],
        "environment": where[1] if row["environment"] else "",
        "made_at": BEGAN + STEP * number,
    }


@contextmanager
def registry_in(folder: Path) -> Iterator[RealRegistry]:
    """A registry of our own."""
    processes, home = Processes(folder / "processes"), folder / "registry"
    try:
        yield RealRegistry(start_registry(processes, home, free_port()), None, home / "storage")
    finally:
        processes.stop(NAME)


@contextmanager
def postgresql_in(folder: Path) -> Iterator[Cluster]:
    """A cluster of our own."""
    home = folder / "postgresql"
    home.mkdir()
    cluster = Cluster(home)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def settings_in(folder: Path, factory: Factory) -> Iterator[None]:
    """Within it the command line's own code asks this ledger."""
    file = folder / "pratique.toml"
    vault = {"login": {"method": "token", "token_file": "/nowhere"}}
    content: Mapping[str, Any] = {
        "vault": vault,
        "ledger": {"url": factory.settings.ledger.url},
        "environments": {name: {} for name in PLACES},
    }
    file.write_text(tomli_w.dumps(content))
    os.environ["PRATIQUE_CONFIG"] = str(file)
    yield


if __name__ == "__main__":
    main()
