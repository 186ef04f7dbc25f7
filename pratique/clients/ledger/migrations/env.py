"""What Alembic runs: the migrations, in the transaction that `pratique.clients.ledger.schema` has begun."""

from __future__ import annotations

from alembic import context

from pratique.clients.ledger.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
