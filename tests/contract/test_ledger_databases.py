"""What the ledger needs of its databases: many processes at once, deaths, clocks, indexes, migrations."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Select, insert, text
from sqlalchemy.dialects import postgresql as postgresql_dialect

from pratique.clients.ledger import locking, open_ledger, records, ruled
from pratique.clients.ledger.engine import PATIENCE, _connected
from pratique.clients.ledger.tables import METADATA, promotions, rulings
from pratique.errors import FenceLost, Refused, Transient
from pratique.settings import LedgerSettings
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner
from pratique.values.promotion import PromotionState
from pratique.values.ruling import Revoke, SignedRuling
from tests.contract.promotions import a_promotion
from tests.services.postgresql import Cluster

ROOT = Path(__file__).parents[2]
LONG = timedelta(minutes=5)
MOMENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAST = "ix_promotions_service_environment_state_finished_at_fence"
KINDS, RULED = "ix_rulings_service_environment_kind_number", "ix_rulings_service_environment_number"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'below' / 'ledger.db'}"
    new_postgresql: Callable[[], str] = request.getfixturevalue("new_postgresql")
    return new_postgresql()


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    # One of its own: the ledger's connections know the database as it was when they were opened.
    engine = _connected.__wrapped__(url, PATIENCE)
    try:
        yield engine
    finally:
        engine.dispose()


def contender(url: str, journal: Path, rounds: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.contract.contender", url, str(journal), str(rounds)]
    return subprocess.Popen(command, cwd=ROOT)


def lines_of(journal: Path) -> list[str]:
    return journal.read_text().splitlines() if journal.exists() else []


def test_eight_processes_never_hold_the_lock_together_and_fences_only_grow(url: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    # They also open the new database at once: one makes the schema, the others wait for it.
    processes = [contender(url, journal, rounds=4) for _ in range(8)]
    assert [process.wait() for process in processes] == [0] * 8

    assert lines_of(journal) == [line for fence in range(1, 33) for line in (f"enter {fence}", f"leave {fence}")]
    with open_ledger(LedgerSettings(url=url)) as ledger:
        assert [promotion.state for promotion in ledger.history(limit=100)] == [PromotionState.GRANTED] * 32
        newest = ledger.granted("hello", "prod")
        assert newest is not None
        assert newest.fence == 32


def test_a_holder_killed_with_its_process_is_taken_over(url: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    process = contender(url, journal, rounds=0)
    while not lines_of(journal):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    with open_ledger(LedgerSettings(url=url)) as ledger:
        (dead,) = ledger.history()
        heir = a_promotion()
        ledger.begin(heir)
        while (lease := ledger.acquire(heir.id, LONG)) is None:
            assert [waiting.id for waiting in ledger.queue("hello", "prod")] == [heir.id]
            time.sleep(0.01)
        assert lease.fence == 2
        assert ledger.promotion(dead.id).state is PromotionState.ABANDONED
        late = lease.model_copy(update={"holder": dead.id, "fence": 1})
        with pytest.raises(FenceLost):
            ledger.grant(dead.id, late, "")
        assert ledger.granted("hello", "prod") is None


def test_many_may_open_a_new_ledger_at_once(url: str) -> None:
    def open_and_begin(_: int) -> None:
        with open_ledger(LedgerSettings(url=url)) as ledger:
            ledger.begin(a_promotion())

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(open_and_begin, range(6)))
    with open_ledger(LedgerSettings(url=url)) as ledger:
        assert len(ledger.history()) == 6


def test_the_migrations_make_the_tables_that_are_declared(url: str) -> None:
    with open_ledger(LedgerSettings(url=url)), engine_of(url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(url: str) -> None:
    with open_ledger(LedgerSettings(url=url)), engine_of(url) as engine, engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Refused, match=r"revision 9999.*install a newer pratique"), open_ledger(LedgerSettings(url=url)):
        pass
    with engine_of(url) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_ten_thousand_promotions_are_answered_from_indexes(url: str) -> None:
    with open_ledger(LedgerSettings(url=url)) as ledger, engine_of(url) as engine:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(insert(promotions), [_row(number) for number in range(10_000)])
            connection.execute(insert(rulings), [ruled.columns_of_ruling(_ruling(number)) for number in range(10_000)])
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))

        for query, index in (
            (records.history("service-3", "place-4", 50), "ix_promotions_service_environment_number"),
            (records.history("service-3", None, 50), "ix_promotions_service_number"),
            (records.history(None, "place-4", 50), "ix_promotions_environment_number"),
            (records.grants("service-3", "place-4").limit(1), "ix_promotions_service_environment_state_fence"),
            (
                records.grants("service-3", "place-4", a_promotion(release="3").release).limit(1),
                "ix_promotions_service_environment_release_state_fence",
            ),
            (records.granted_by("service-3", "place-4", MOMENT).limit(1), PAST),
            (records.granted_after(a_promotion("service-3", "place-4", finished_at=MOMENT, fence=7)).limit(1), PAST),
            # The newest of each kind and place are put in one order; they are not looked for among all others.
            (ruled.newest_rulings("service-3", "place-4", 50, ("hold", "lift"), MOMENT), KINDS),
            (ruled.newest_rulings("service-3", "place-4", 50), RULED),
            # All of history is read along the primary key, which in SQLite is the table itself.
            (records.history(None, None, 50), "SCAN promotions"),
        ):
            how = _explained(engine, query)
            if engine.dialect.name == "sqlite":
                assert index in how, how
                assert ("TEMP B-TREE" in how) is (index in {KINDS, RULED}), how
            else:
                # Which index PostgreSQL takes is its own choice, by the figures that it keeps of the rows.
                assert "Index" in how, how
                assert "Seq Scan" not in how, how
        assert [promotion.id for promotion in ledger.history(limit=2)] == ["promotion-9999", "promotion-9998"]


def test_leases_run_by_the_databases_clock(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    with psycopg.connect(url, autocommit=True) as connection:
        # A database whose clock is two days ahead of every host's.
        connection.execute("CREATE SCHEMA ahead")
        connection.execute(
            "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
            "$$ SELECT pg_catalog.clock_timestamp() + interval '2 days' $$"
        )
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET search_path = ahead, pg_catalog, public".encode())

    with open_ledger(LedgerSettings(url=url)) as ledger:
        promotion = a_promotion()
        ledger.begin(promotion)
        lease = ledger.acquire(promotion.id, LONG)
        assert lease is not None
        assert lease.expires_at > datetime.now(UTC) + timedelta(days=1)
        assert ledger.holder("hello", "prod") == ledger.promotion(promotion.id)


def test_a_lock_waited_for_is_timed_from_when_its_turn_came(new_postgresql: Callable[[], str]) -> None:
    url = new_postgresql()
    with open_ledger(LedgerSettings(url=url)) as ledger, engine_of(url) as engine, engine.begin() as blocker:
        promotion = a_promotion()
        ledger.begin(promotion)
        turn = locking.take_turn(blocker, "hello", "prod")
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(ledger.acquire, promotion.id, LONG)
            with psycopg.connect(url, autocommit=True) as observer:
                while not observer.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                    time.sleep(0.005)
                freed = observer.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
            blocker.commit()
            lease = waiting.result()
    assert lease is not None
    assert freed is not None
    assert lease.expires_at - LONG >= freed[0] > turn.now


def test_a_database_that_is_gone_is_transient_and_comes_back() -> None:
    with _own_cluster() as cluster:
        url = cluster.new_database()
        with open_ledger(LedgerSettings(url=url)) as ledger:
            promotion = a_promotion()
            ledger.begin(promotion)
            cluster.stop()
            with pytest.raises(Transient, match="ledger postgresql"):
                ledger.acquire(promotion.id, LONG)
            with pytest.raises(Transient), open_ledger(LedgerSettings(url=url)):
                pass
            cluster.start()
            assert ledger.acquire(promotion.id, LONG) is not None


def test_an_unknown_database_is_refused(postgresql: Cluster) -> None:
    url = f"postgresql://pratique@127.0.0.1:{postgresql.port}/nowhere"
    with pytest.raises(Refused, match=r'database "nowhere" does not exist'), open_ledger(LedgerSettings(url=url)):
        pass


def test_a_locked_file_is_transient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.db"
    monkeypatch.setattr("pratique.clients.ledger.engine.PATIENCE", 0.05)
    with open_ledger(LedgerSettings(url=f"sqlite:///{file}")) as ledger:
        promotion = a_promotion()
        ledger.begin(promotion)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Transient, match="database is locked"):
                ledger.acquire(promotion.id, LONG)
            assert ledger.promotion(promotion.id) == promotion
            other.execute("ROLLBACK")
        assert ledger.acquire(promotion.id, LONG) is not None


def _row(number: int) -> dict[str, object]:
    promotion = a_promotion(
        service=f"service-{number % 50}",
        environment=f"place-{number // 50 % 50}",
        release=str(number % 7),
        id=f"promotion-{number}",
        state=PromotionState.FAILED if number % 5 == 0 else PromotionState.GRANTED,
        fence=number,
        finished_at=MOMENT + timedelta(seconds=number - 5000),
    )
    return records.columns_of(promotion)


def _ruling(number: int) -> SignedRuling:
    ruling = Revoke(
        service=f"service-{number % 50}",
        release=digest_of(b"release"),
        commit="1" * 40,
        made_at=MOMENT + timedelta(seconds=number - 5000),
    )
    return SignedRuling(ruling=ruling, by="ada", signer=KeySigner(hint="k"), bundle=digest_of(b"%d" % number))


def _explained(engine: Engine, query: Select[tuple[object, ...]]) -> str:
    sqlite = engine.dialect.name == "sqlite"
    dialect = engine.dialect if sqlite else postgresql_dialect.dialect()
    statement = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN ") + statement).all()
    return "\n".join(str(row[-1]) for row in rows)


@contextmanager
def _own_cluster() -> Iterator[Cluster]:
    with TemporaryDirectory(prefix="pratique-postgresql-") as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        yield cluster
        cluster.stop()
