"""How the schema came to be, one revision per file; run by `pratique.clients.ledger.schema`."""
