"""How bad a vulnerability is, from the words, numbers and names by which scanners and databases say so."""

from __future__ import annotations

from collections.abc import Iterable

from pratique.values.scan import Severity

_WORDS = {
    **{severity.value: severity for severity in Severity},
    "important": Severity.HIGH,
    "moderate": Severity.MEDIUM,
    "minimal": Severity.LOW,
    "none": Severity.NEGLIGIBLE,
    "unimportant": Severity.NEGLIGIBLE,
}
_RATINGS = (
    (9.0, Severity.CRITICAL),
    (7.0, Severity.HIGH),
    (4.0, Severity.MEDIUM),
    (0.1, Severity.LOW),
    (0.0, Severity.NEGLIGIBLE),
)
"""From which score on; the qualitative rating scale of CVSS 3.1 and 4.0 (first.org/cvss), whose "none" is our negligible."""
_HIGHEST = 10.0
_WORST_FIRST = tuple(Severity)


def severity_of(texts: Iterable[str]) -> Severity:
    """The worst of several opinions; those that say nothing (a CVSS vector, an unknown word) do not outweigh one that does."""
    return min((_severity(text) for text in texts), key=_WORST_FIRST.index, default=Severity.UNKNOWN)


def _severity(text: str) -> Severity:
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        score = float(word)
    except ValueError:
        return Severity.UNKNOWN
    if not 0 <= score <= _HIGHEST:
        return Severity.UNKNOWN
    return next(severity for least, severity in _RATINGS if score >= least)
