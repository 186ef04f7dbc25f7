"""Grants on record name the signed evidence that carries them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The ledger as of this revision."""
    op.add_column("promotions", sa.Column("evidence", sa.String(71)))
