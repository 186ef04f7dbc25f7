"""What people are asked to approve of, what they and the pipeline have decided, and what was held when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The ledger as of this revision."""
    op.add_column("promotions", sa.Column("asked", sa.Text))
    op.create_table(
        "rulings",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("bundle", sa.String(71), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("service", sa.String(40), nullable=False),
        sa.Column("environment", sa.String(40), nullable=False),
        sa.Column("release", sa.String(71), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.UniqueConstraint("bundle", name="uq_rulings_bundle"),
    )
    op.create_index("ix_rulings_service_environment_number", "rulings", ["service", "environment", "number"])
    op.create_index("ix_rulings_service_environment_kind_number", "rulings", ["service", "environment", "kind", "number"])
    op.create_index(
        "ix_promotions_service_environment_state_finished_at_fence",
        "promotions",
        ["service", "environment", "state", "finished_at", "fence"],
    )
