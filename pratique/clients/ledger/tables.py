"""The ledger's tables.

    releases     every release on record
    promotions   who moved what where, when, and how it ended
    locks        one row per service and environment: its fence, and who holds it until when
    waiting      the queues before the locks
    inbox        every event that was accepted, and how it ended
    rulings      what people and the pipeline have decided about releases
    lanes        the commit dispatched last of each ref of each repository

`number` is the order in which rows came; it orders history where clocks could not.
Migrations make the tables; a test compares them with these.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from pratique.scrub import scrub

METADATA = MetaData(
    # Names of our own, so that a later migration can speak of them on either database.
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts up by itself in a column of exactly this type only.
_Number = BigInteger().with_variant(Integer, "sqlite")


class FreeText(TypeDecorator[str]):
    """What people and programs say, without any secret that this process knows."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else scrub(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which knows no time zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone could be any of 24")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  as SQLAlchemy calls it
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _name(name: str, **options: Any) -> Column[str]:
    return Column(name, String(40), nullable=False, **options)


releases = Table(
    "releases",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("digest", String(71), nullable=False, unique=True),
    _name("service"),
    Column("document", Text, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Index(None, "service", "number"),
)

promotions = Table(
    "promotions",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    _name("service"),
    _name("environment"),
    Column("release", String(71), nullable=False),
    Column("commit_id", String(64), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("fence", BigInteger),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("address", Text, nullable=False),
    Column("run_url", Text, nullable=False),
    Column("waits_until", UtcTime),
    Column("evidence", String(71)),
    # The plan itself, so that whoever approves sees what the pipeline saw.
    Column("asked", Text),
    Index(None, "service", "environment", "number"),
    Index(None, "service", "number"),
    Index(None, "environment", "number"),
    # Under a lock whose fence only grows, the highest fence is the last grant.
    Index(None, "service", "environment", "state", "fence"),
    Index(None, "service", "environment", "release", "state", "fence"),
    # What was held when: no grant is earlier than the one it replaces.
    Index(None, "service", "environment", "state", "finished_at", "fence"),
    Index(None, "state", "service", "environment"),
)

locks = Table(
    "locks",
    METADATA,
    _name("service"),
    _name("environment"),
    Column("fence", BigInteger, nullable=False),
    Column("holder", String(64), ForeignKey("promotions.id")),
    Column("expires_at", UtcTime),
    PrimaryKeyConstraint("service", "environment"),
)

waiting = Table(
    "waiting",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("promotion", String(64), ForeignKey("promotions.id"), nullable=False, unique=True),
    _name("service"),
    _name("environment"),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "service", "environment", "number"),
)

rulings = Table(
    "rulings",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("bundle", String(71), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    _name("service"),
    # Empty for what concerns every environment.
    _name("environment"),
    Column("release", String(71), nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "service", "environment", "number"),
    Index(None, "service", "environment", "kind", "number"),
)

inbox = Table(
    "inbox",
    METADATA,
    Column("number", _Number, primary_key=True),
    Column("forge", String(16), nullable=False),
    Column("delivery", String(200), nullable=False),
    # Digests, because what they stand for is too long for an index.
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("lane", String(64), nullable=False),
    _name("service"),
    # The event itself: a new field of it needs no migration.
    Column("document", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("due_at", UtcTime),
    Column("attempts", Integer, nullable=False),
    Column("holder", String(100)),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcTime),
    Column("run", String(64), nullable=False),
    Column("run_url", Text, nullable=False),
    Column("finished_at", UtcTime),
    Column("commit_id", String(71), nullable=False, server_default=text("''")),
    # What its forge was told, and when it is to be looked at again for that; never, where that is NULL.
    Column("reported", String(16)),
    Column("reported_run", String(64), nullable=False, server_default=text("''")),
    Column("report_attempts", Integer, nullable=False, server_default="0"),
    Column("report_problem", FreeText, nullable=False, server_default=text("''")),
    Column("report_fence", BigInteger, nullable=False, server_default="0"),
    Column("report_due_at", UtcTime),
    UniqueConstraint("forge", "delivery"),
    Index(None, "state", "number"),
    Index(None, "lane", "state", "number"),
    Index(None, "service", "number"),
    Index(None, "finished_at"),
    Index(None, "report_due_at", "number"),
)

lanes = Table(
    "lanes",
    METADATA,
    Column("lane", String(64), primary_key=True),
    Column("commit_id", String(71), nullable=False),
    Column("dispatched_at", UtcTime, nullable=False),
)
