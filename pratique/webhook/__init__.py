"""The intake of events: calls of forges and registries, authenticated, stored in the inbox, dispatched as flow runs."""
