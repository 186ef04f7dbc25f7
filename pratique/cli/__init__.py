"""The command `pratique`: reads what a person typed, and starts the flows by name or asks the library."""
