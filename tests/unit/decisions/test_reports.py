"""What people read: nothing that a commit says becomes markup."""

from __future__ import annotations

import pytest

from pratique.decisions.reports import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("[click](https://evil.example)", r"\[click\]\(https://evil.example\)"),
        ("<script>alert(1)</script>", r"\<script\>alert\(1\)\</script\>"),
        ("a | b", r"a \| b"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_from_a_commit_stays_text(text: str, shown: str) -> None:
    assert escaped(text) == shown
