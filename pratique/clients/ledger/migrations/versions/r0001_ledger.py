"""Releases, promotions, locks and the queues before them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The ledger as of this revision."""
    op.create_table(
        "releases",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_releases"),
        sa.UniqueConstraint("digest", name="uq_releases_digest"),
    )
    op.create_index("ix_releases_service_number", "releases", ["service", "number"])

    op.create_table(
        "promotions",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("environment", sa.String(40), nullable=False),
        sa.Column("release", sa.String(71), nullable=False),
        sa.Column("commit_id", sa.String(64), nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("run_url", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_promotions"),
        sa.UniqueConstraint("id", name="uq_promotions_id"),
    )
    for columns in (
        ["service", "environment", "number"],
        ["service", "number"],
        ["environment", "number"],
        ["service", "environment", "state", "fence"],
        ["service", "environment", "release", "state", "fence"],
    ):
        op.create_index(f"ix_promotions_{'_'.join(columns)}", "promotions", columns)

    op.create_table(
        "locks",
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("environment", sa.String(40), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("service", "environment", name="pk_locks"),
        sa.ForeignKeyConstraint(["holder"], ["promotions.id"], name="fk_locks_holder"),
    )

    op.create_table(
        "waiting",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("promotion", sa.String(64), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("environment", sa.String(40), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_waiting"),
        sa.UniqueConstraint("promotion", name="uq_waiting_promotion"),
        sa.ForeignKeyConstraint(["promotion"], ["promotions.id"], name="fk_waiting_promotion"),
    )
    op.create_index("ix_waiting_service_environment_number", "waiting", ["service", "environment", "number"])
