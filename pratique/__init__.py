"""Continuous delivery in which nothing moves without signed evidence.

The library behind the flows: values, pure decisions, and clients with effects.
It knows nothing of Prefect, one client module excepted.
"""

from importlib.metadata import version

__version__ = version("pratique")
