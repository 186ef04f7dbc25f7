"""Typing `pratique …` without a process for it: the command line's own entry function, called here.

A process costs a Python and its imports each time, which is what a test pays for when the process itself is what it tests.
"""

from __future__ import annotations

import io
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from pratique import scrub
from pratique.cli.main import run
from pratique.cli.output import Voice, complaints, console


def typed(arguments: Sequence[str], folder: Path, variables: Mapping[str, str]) -> CompletedProcess[str]:
    """What the command answers, typed in the folder; one at a time, because streams and variables are the process's own."""
    assert threading.current_thread() is threading.main_thread(), "in a thread, start a process"
    output, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        chdir(folder),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["pratique", *arguments])
        patch.setattr(sys, "stdin", io.StringIO())
        # As in a process of its own: nothing is known of what others have read from Vault, and nobody is silent yet.
        patch.setattr(scrub, "_known", set())
        for voice in (console, complaints):
            patch.setattr(voice, "__dict__", vars(Voice(complains=voice is complaints)))
        for name, value in variables.items():
            patch.setenv(name, value)
        code = _code_of_run()
    return CompletedProcess(["pratique", *arguments], code, output.getvalue(), errors.getvalue())


def _code_of_run() -> int:
    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001  # as the interpreter would: a bug is shown, and is status 1
        traceback.print_exc()
        return 1
    return 0
