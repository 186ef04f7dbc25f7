"""The tasks of the flows: each opens a client, calls the library once, and returns a value."""
