"""Where a client tells its progress."""

from __future__ import annotations

from collections.abc import Callable

Log = Callable[[str], None]
"""Receives progress lines meant for people; they never hold a secret."""
