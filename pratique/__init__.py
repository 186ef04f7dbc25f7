"""Continuous delivery in which nothing moves without signed evidence.

The library behind the flows: values, pure decisions, and clients with effects.
It knows nothing of Prefect, one client module excepted.
"""

__version__ = "0.1.0"
"""As in pyproject.toml: asking the installed package for it would take longer than the rest of `pratique --version`."""
