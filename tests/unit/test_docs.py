"""The documentation, held to the code: what it links to is there, what it names exists, what it promises is so.

A link whose text is a name in backticks, such as [`establish`](../flows/establish.py), says that the file defines that name.
"""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.core import TyperGroup

from pratique.cli.commands import COMMANDS as TABLE
from pratique.cli.commands import Commands
from pratique.cli.exit_codes import ExitCode
from pratique.decisions.provenance import RELEASE_BUILD_TYPE
from pratique.settings import load_settings
from pratique.values.evidence import BUILD_TYPE

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "examples/*/*.md", "benchmarks/*.md")
    for file in ROOT.glob(pattern)
    if ".pratique" not in file.parts
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
REPOSITORY_PATH = re.compile(r"(?:pratique|flows|tasks|tests|docs|deployments|examples|benchmarks)/[\w./-]+")
NAME = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`")


class Link(NamedTuple):
    page: Path
    text: str
    target: str

    def __str__(self) -> str:
        return f"{named(self.page)}: [{self.text}]({self.target})"


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text())


LINKS = [Link(page, text, target) for page in PAGES for text, target in LINK.findall(prose(page))]
LOCAL = [link for link in LINKS if not re.match(r"[a-z]+:", link.target)]
GROUP = Commands.of(TABLE)(name="pratique")
COMMANDS = {name: GROUP.whole(name) for name in TABLE}


def test_there_is_something_to_look_at() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/runbook.md", "docs/threat-model.md"} <= set(map(named, PAGES))
    assert len(LOCAL) > 100
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_linked_to_is_there(page: Path) -> None:
    missing = []
    for link in LOCAL:
        if link.page != page:
            continue
        path, _, fragment = link.target.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            missing.append(str(link))
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_names_are_defined_in_the_file_that_they_link_to(page: Path) -> None:
    wrong = [
        str(link)
        for link in LOCAL
        if link.page == page
        if link.target.endswith(".py")
        if (name := NAME.fullmatch(link.text))
        if name[1] not in definitions((page.parent / link.target).resolve())
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_named_exist(page: Path) -> None:
    # The stranger's repository in examples/ has paths of its own.
    if page.parent.parent.name == "examples":
        return
    paths = [span for span in SPAN.findall(prose(page)) if REPOSITORY_PATH.fullmatch(span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_and_options_that_are_shown_exist(page: Path) -> None:
    wrong = []
    for line in shown_commands(page):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = line.split()
        for position, word in enumerate(words[:-1]):
            if word in {"pratique", ".venv/bin/pratique"} and words[position + 1] in COMMANDS:
                known = options_of(COMMANDS[words[position + 1]], words[position + 2 :])
                own = _until_the_next_command(words[position + 2 :])
                wrong += [f"{line}: {option}" for option in own if option.startswith("--") and option not in known]
            elif word == "pratique" and re.fullmatch(r"[a-z]+", words[position + 1]) and position == 0:
                wrong.append(f"{line}: no command {words[position + 1]}")
    assert wrong == []


def options_of(command: Any, words: list[str]) -> set[str]:
    """The options of a command, or of the one of a group that comes next."""
    if isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command = command.whole(words[0]) if isinstance(command, Commands) else command.commands[words[0]]
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def test_the_readme_lists_every_command() -> None:
    told = set(re.findall(r"`pratique (\w+)", (ROOT / "README.md").read_text()))
    assert told == set(COMMANDS)


def test_the_changelog_lists_every_command() -> None:
    (line,) = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("- The command `pratique`")]
    assert set(COMMANDS) <= set(SPAN.findall(line))


@pytest.mark.parametrize("page", ["README.md", "docs/runbook.md"])
def test_exit_codes_are_those_of_the_command(page: str) -> None:
    (told,) = re.findall(r"^Exit codes(?:, for scripts)?: (.*)\.$", (ROOT / page).read_text(), re.MULTILINE)
    assert told == (ExitCode.__doc__ or "").strip().rstrip(".")
    assert [int(code) for code in re.findall(r"\b\d+\b", told)] == [code.value for code in ExitCode]


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {target for page in PAGES for line in shown_commands(page) for target in _targets(line)}
    assert {"quickstart", "test"} <= shown <= targets


def test_every_owasp_risk_is_answered_with_tests_that_exist() -> None:
    sections = re.split(r"^## ", (ROOT / "docs" / "threat-model.md").read_text(), flags=re.MULTILINE)
    risks = {section.split(":")[0]: section for section in sections if section.startswith("CICD-SEC-")}
    assert list(risks) == [f"CICD-SEC-{number}" for number in range(1, 11)]
    for risk, answer in risks.items():
        assert re.search(r"\[`test_\w+`\]\(\.\./tests/", answer), f"{risk} names no test"
        assert "**Not covered.**" in answer, risk


def test_both_build_types_are_explained() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    for build_type in (BUILD_TYPE, RELEASE_BUILD_TYPE):
        assert f"**`{build_type}`** means" in page


def test_the_settings_that_are_shown_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = [body for kind, body in FENCE.findall((ROOT / "docs" / "settings.md").read_text()) if kind == "toml"]
    file = tmp_path / "pratique.toml"
    file.write_text(shown)
    monkeypatch.setenv("PRATIQUE_CONFIG", str(file))
    settings = load_settings()
    assert settings.environments["prod"].deployment == tomllib.loads(shown)["environments"]["prod"]["deployment"]


@cache
def definitions(file: Path) -> frozenset[str]:
    """What a module defines, members of its classes as `Class.member`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        names = set(_defined(node))
        found |= names
        if isinstance(node, ast.ClassDef):
            members = {name for member in node.body for name in _defined(member)}
            found |= members | {f"{node.name}.{name}" for name in members}
    return frozenset(found)


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub gives to headings, and those that are written out."""
    text = prose(page)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(
        re.findall(r'<a id="([^"]+)">', text)
    )


def shown_commands(page: Path) -> list[str]:
    """What a page shows to be typed: lines of consoles, and commands in backticks."""
    consoles = [line for kind, body in FENCE.findall(page.read_text()) if kind == "console" for line in body.splitlines()]
    typed = [line.removeprefix("$ ") for line in consoles if line.startswith("$ ")]
    return [*typed, *(span for span in SPAN.findall(prose(page)) if span.startswith(("pratique ", "make ")))]


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return []


def _until_the_next_command(words: list[str]) -> list[str]:
    """The words of this command, whatever is typed behind it."""
    ends = (number for number, word in enumerate(words) if word in {"|", "&&", ";", ">"} or word.endswith(")"))
    return words[: next(ends, len(words))]


def _targets(line: str) -> list[str]:
    found = re.search(r"(?:^|&& )make ([a-z0-9 -]+)", line)
    return found[1].split() if found else []
