"""docs/follow-a-release.md, typed by a test: every console block that is marked `<!-- run -->`, in order, in one shell.

A line that begins with `$ ` is a command; it must succeed, unless the next one is `echo $?`, which shows what it ended with.
The other lines are what it answers: each must be found in the output, in this order. `…` stands for anything in a line,
and any number of spaces for any other.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services.stack import CHECKOUT, PRATIQUE, RunningStack

pytestmark = pytest.mark.xdist_group("stack")

PAGE = CHECKOUT / "docs" / "follow-a-release.md"
BLOCK = re.compile(r"^<!-- run -->\n```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "-- this command ended with"


@dataclass
class Step:
    """One command of the page and the lines that it shows of the answer."""

    line: int
    command: str
    answer: list[str] = field(default_factory=list)


def steps_of(page: str) -> list[Step]:
    steps: list[Step] = []
    for block in BLOCK.finditer(page):
        first = page.count("\n", 0, block.start(1)) + 1
        for number, line in enumerate(block[1].splitlines(), first):
            if line.startswith("$ "):
                steps.append(Step(number, line.removeprefix("$ ")))
            else:
                steps[-1].answer.append(line)
    return steps


class Shell:
    """One bash for the whole page, so that its variables and its folder last."""

    def __init__(self, stack: RunningStack, temporary: Path) -> None:
        path = f"{PRATIQUE.parent}:{stack.environment()['PATH']}"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=CHECKOUT,
            env=stack.environment(PATH=path, TMPDIR=str(temporary)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Exit code and output of a command, which finds in `$?` what the one before ended with."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\ncode=$?; printf '\\n%s %s\\n' '{MARK}' $code; (exit $code)\n")
        self._bash.stdin.flush()
        output = ""
        for line in self._bash.stdout:
            if line.startswith(MARK):
                return int(line.removeprefix(MARK)), output
            output += line
        raise AssertionError(f"the shell ended at {command!r}: {output}")

    def close(self) -> None:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.close()
        self._bash.stdout.close()
        self._bash.wait(timeout=60)


@pytest.fixture
def shell(stack: RunningStack, tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(stack, tmp_path)
    yield opened
    opened.close()


def test_the_page_has_commands_and_answers() -> None:
    steps = steps_of(PAGE.read_text())
    assert len(steps) > 20
    assert sum(len(step.answer) for step in steps) > 50


@pytest.mark.timeout(1800)  # a whole page in one test, and the stack's start may count, too
def test_every_command_of_the_page_answers_as_the_page_says(shell: Shell) -> None:
    steps = steps_of(PAGE.read_text())
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        code, output = shell.run(step.command)
        place = f"{PAGE.name}:{step.line}: $ {step.command}"
        if following is None or following.command != "echo $?":
            assert code == 0, f"{place}\nended with {code}:\n{output}"
        missing = first_missing(step.answer, output)
        assert missing is None, f"{place}\nthe page shows {missing!r}, but the answer is:\n{output}"


def first_missing(shown: list[str], output: str) -> str | None:
    """The first shown line that is not found after the one before it."""
    lines = iter(output.splitlines())
    for wanted in shown:
        pattern = _pattern(wanted)
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def _pattern(shown: str) -> re.Pattern[str]:
    words = [".*".join(re.escape(part) for part in word.split("…")) for word in shown.split()]
    # A table's row may go on to the right with what the page does not show only where the page says so, by `…`.
    return re.compile(r"\s*" + r"\s+".join(words) + r"\s*")


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        (["ok"], "ok, hello"),
        (["second", "first"], "first\nsecond"),
        (["a … c"], "a b"),
        (["a", "a"], "a"),
    ],
)
def test_an_answer_that_differs_is_noticed(shown: list[str], output: str) -> None:
    assert first_missing(shown, output) is not None


def test_an_answer_may_differ_where_the_page_says_so() -> None:
    assert first_missing(["took … s", "a  b"], "took 1.3 s\nnot shown\n  a b") is None
