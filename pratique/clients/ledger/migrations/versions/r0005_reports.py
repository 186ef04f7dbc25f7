"""What forges were told of their events, and when each event is to be looked at again for that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The ledger as of this revision; of events that came before it nothing is told."""
    for column in (
        sa.Column("commit_id", sa.String(71), nullable=False, server_default=sa.text("''")),
        sa.Column("reported", sa.String(16)),
        sa.Column("reported_run", sa.String(64), nullable=False, server_default=sa.text("''")),
        sa.Column("report_attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("report_problem", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("report_fence", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("report_due_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("inbox", column)
    op.create_index("ix_inbox_report_due_at_number", "inbox", ["report_due_at", "number"])
