"""What scanners answer, read; and which of their complaints may pass by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from pratique.decisions.dsse import problems_of, strict_json
from pratique.decisions.scan_reports import findings_in
from pratique.errors import Refused

RUNS_FOR = timedelta(minutes=10)
"""How long a scan may take, its database brought up to date included."""

_UNREACHABLE = (
    *("no such host", "dial tcp", "connection refused", "connection reset", "i/o timeout", "context deadline exceeded"),
    *("TLS handshake timeout", "unexpected EOF", "network is unreachable", "Temporary failure", "too many requests"),
    *("429", "500 Internal", "502 Bad", "503 Service", "504 Gateway", "status code 5", "unable to download"),
)
"""As Go's standard library, which both are written with, says it."""

M = TypeVar("M", bound=BaseModel)


def looks_unreachable(complaint: str) -> bool:
    """Whether the other side of the scanner did not answer, which may pass."""
    return any(sign.lower() in complaint.lower() for sign in _UNREACHABLE)


def read_report(scanner: str, answer: bytes, model: type[M]) -> tuple[dict[str, Any], M]:
    """The report, and what `model` makes of it; refused where it is not whole, so that half of one is never "all is well"."""
    try:
        report = strict_json(answer)
        findings_in(report)
        return report, model.model_validate(report)
    except ValueError as error:
        raise Refused(f"{scanner} wrote a report that cannot be read: {problems_of(error)}") from None
