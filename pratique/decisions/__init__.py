"""Pure functions, from values to decisions: no I/O, no clock, no randomness of their own."""
