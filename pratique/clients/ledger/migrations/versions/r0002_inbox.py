"""The inbox of events, and the commit dispatched last of each lane."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The ledger as of this revision."""
    op.create_table(
        "inbox",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("forge", sa.String(16), nullable=False),
        sa.Column("delivery", sa.String(200), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("lane", sa.String(64), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(100)),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("run_url", sa.Text, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.PrimaryKeyConstraint("number", name="pk_inbox"),
        sa.UniqueConstraint("fingerprint", name="uq_inbox_fingerprint"),
        sa.UniqueConstraint("forge", "delivery", name="uq_inbox_forge_delivery"),
    )
    for columns in (["state", "number"], ["lane", "state", "number"], ["service", "number"], ["finished_at"]):
        op.create_index(f"ix_inbox_{'_'.join(columns)}", "inbox", columns)

    op.create_table(
        "lanes",
        sa.Column("lane", sa.String(64), nullable=False),
        sa.Column("commit_id", sa.String(71), nullable=False),
        sa.Column("dispatched_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("lane", name="pk_lanes"),
    )
