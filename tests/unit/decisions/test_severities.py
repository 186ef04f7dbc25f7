from __future__ import annotations

import pytest

from pratique.decisions.severities import severity_of
from pratique.values.scan import Severity


@pytest.mark.parametrize(
    ("texts", "severity"),
    [
        (["Critical"], Severity.CRITICAL),
        (["HIGH"], Severity.HIGH),
        (["important"], Severity.HIGH),
        (["moderate"], Severity.MEDIUM),
        ([" low "], Severity.LOW),
        (["unimportant"], Severity.NEGLIGIBLE),
        (["none"], Severity.NEGLIGIBLE),
        (["10.0"], Severity.CRITICAL),
        (["9.0"], Severity.CRITICAL),
        (["8.9"], Severity.HIGH),
        (["4"], Severity.MEDIUM),
        (["3.9"], Severity.LOW),
        (["0.1"], Severity.LOW),
        (["0"], Severity.NEGLIGIBLE),
        (["low", "9.8", "medium"], Severity.CRITICAL),
        (["low", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"], Severity.LOW),
        (["CVSS:3.1/AV:N"], Severity.UNKNOWN),
        (["11"], Severity.UNKNOWN),
        (["-1"], Severity.UNKNOWN),
        (["nan"], Severity.UNKNOWN),
        (["not yet assigned", ""], Severity.UNKNOWN),
        ([], Severity.UNKNOWN),
    ],
)
def test_the_worst_of_what_is_understood_counts(texts: list[str], severity: Severity) -> None:
    assert severity_of(texts) is severity
