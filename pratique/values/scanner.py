"""The operator's choice of what looks for known vulnerabilities."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pratique.values._base import Value
from pratique.values.duration import Duration


class GrypeScanner(Value):
    """Look for known vulnerabilities with grype, which keeps a database of its own."""

    kind: Literal["grype"] = "grype"
    program: str = "grype"
    """A name on the worker's PATH, or a path."""
    every: Duration = timedelta(days=1)
    """A scan that is younger is not repeated when its release is prepared again."""


class OsvScanner(Value):
    """Look for known vulnerabilities with OSV-Scanner 2."""

    kind: Literal["osv-scanner"] = "osv-scanner"
    program: str = "osv-scanner"
    """A name on the worker's PATH, or a path."""
    database: Path | None = None
    """A folder with databases of OSV for use without a network; absent: api.osv.dev is asked, and told every package."""
    every: Duration = timedelta(days=1)
    """A scan that is younger is not repeated when its release is prepared again."""


ScannerSettings = Annotated[GrypeScanner | OsvScanner, Field(discriminator="kind")]
