"""Secrets, taken out of text."""

from __future__ import annotations

import pytest

from pratique.clients.engine.redaction import redactor

CASES: tuple[tuple[list[str], str, str], ...] = (
    (["hunter2"], "the password is hunter2!", "the password is ********!"),
    (["short", "shorter-secret", "shorter"], "shorter-secret shorter short", "******** ******** ********"),
    (["line-one\nline-two\n"], "a line-two b line-one c", "a ******** b ******** c"),
    (["line-one\nline-two\n"], "line-one\nline-two", "********"),
    (["first-line\nx\n"], "x marks first-line", "x marks ********"),
    (["", "\n"], "nothing to hide", "nothing to hide"),
    (["abc"], "abc", "********"),
    ([], "hunter2", "hunter2"),
)


@pytest.mark.parametrize(("secrets", "text", "shown"), CASES)
def test_redaction(secrets: list[str], text: str, shown: str) -> None:
    assert redactor(secrets)(text) == shown
