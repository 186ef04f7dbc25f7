"""The local stack: real services on loopback, started and ended by `pratique up` and `pratique down`."""
