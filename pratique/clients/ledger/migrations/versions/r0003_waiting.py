"""Promotions that wait for their time say until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The ledger as of this revision."""
    op.add_column("promotions", sa.Column("waits_until", sa.DateTime(timezone=True)))
    op.create_index("ix_promotions_state_service_environment", "promotions", ["state", "service", "environment"])
