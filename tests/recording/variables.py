"""How a worker of the tests is told where its recording target is; apart, because importing `install` has an effect."""

from __future__ import annotations

TARGET, SECONDS = "RECORDING_TARGET", "RECORDING_SECONDS"
"""Variables: the target's address, and how long a deployment works there."""
