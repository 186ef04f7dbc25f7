"""Programs of a few lines, which stand in for those that a test cannot have."""

from __future__ import annotations

from pathlib import Path


def program(file: Path, *lines: str, answer: str = "", complaint: str = "", status: int = 0) -> str:
    """The path of a program that does what the lines of shell say, writes the answer and the complaint, and ends so."""
    for name, text in (("answer", answer), ("complaint", complaint)):
        file.with_name(name).write_text(text)
    ends = (f"cat {file.with_name('answer')}", f"cat {file.with_name('complaint')} >&2", f"exit {status}")
    file.write_text("\n".join(("#!/bin/sh", *lines, *ends, "")))
    file.chmod(0o755)
    return str(file)
