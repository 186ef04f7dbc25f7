"""The table of commands: it says what the commands themselves say, and what each may import stays little."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pratique import __version__
from pratique.cli.commands import COMMANDS, Command, Commands, Group
from pratique.cli.main import app

LINES = 1000
"""Wider than any sentence."""

FLAT: list[tuple[str, ...]] = [
    words
    for name, one in COMMANDS.items()
    for words in ([(name, inner) for inner in one.table] if isinstance(one, Group) else [(name,)])
]

IMPORTS = """\
import io, json, sys
from contextlib import redirect_stdout, redirect_stderr
sys.argv = ["pratique", *json.loads(sys.argv[1])]
from pratique.cli.main import run
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    try:
        run()
    except SystemExit:
        pass
files = {name.partition(".")[0]: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
found = {name for name, file in files.items() if "site-packages" in file}
print(json.dumps(sorted(found - {"_distutils_hack"})))
"""

COMMAND_LINE = {"annotated_doc", "shellingham", "typer"}
# With these typer reads the parameters of a command.
PARAMETERS = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
SETTINGS = PARAMETERS | {"dateutil", "dotenv", "pydantic_settings", "six"}
LEDGER = {"greenlet", "sqlalchemy"}
ALLOWED = {
    (): COMMAND_LINE,
    ("--help",): COMMAND_LINE,
    ("--version",): COMMAND_LINE,
    ("evidence", "--help"): COMMAND_LINE | PARAMETERS,
    ("deliver", "--help"): COMMAND_LINE | PARAMETERS,
    ("environments", "--help"): COMMAND_LINE | PARAMETERS,
    ("approve", "--help"): COMMAND_LINE | PARAMETERS,
    ("environments",): COMMAND_LINE | SETTINGS | LEDGER | {"rich"},
    ("history", "--json"): COMMAND_LINE | SETTINGS | LEDGER | {"rich"},
    ("queue",): COMMAND_LINE | SETTINGS | LEDGER | {"rich"},
    ("releases",): COMMAND_LINE | SETTINGS | LEDGER | {"rich"},
}


def command(words: tuple[str, ...]) -> tuple[Command, object]:
    """The row of the table, and the command as it runs."""
    one, group = COMMANDS[words[0]], Commands.of(COMMANDS)(name="pratique")
    found = group.whole(words[0])
    if isinstance(one, Group):
        assert isinstance(found, Commands)
        return one.table[words[1]], found.whole(words[1])
    return one, found


@pytest.mark.parametrize("words", FLAT, ids=" ".join)
def test_a_list_of_commands_says_of_each_what_its_own_help_begins_with(words: tuple[str, ...]) -> None:
    row, whole = command(words)
    assert row.says == whole.get_short_help_str(LINES)  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", ALLOWED, ids=" ".join)
def test_a_command_imports_no_other_packages_than_these(arguments: tuple[str, ...], settings: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, json.dumps(arguments)],
        env={"PATH": "/usr/bin:/bin", "PRATIQUE_CONFIG": str(settings)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) <= ALLOWED[arguments]


@pytest.mark.parametrize(("typed", "offered"), [("pratique env", ["environments"]), ("pratique evidence ", ["export"])])
def test_a_shell_is_offered_commands_and_nothing_is_imported_for_it(typed: str, offered: list[str], settings: Path) -> None:
    words = {"_PRATIQUE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", Path(sys.executable).with_name("pratique")],
        env={"PATH": "/usr/bin:/bin", "PRATIQUE_CONFIG": str(settings), **words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == offered, done.stderr[-2000:]
    assert " pydantic" not in done.stderr
    assert " rich" not in done.stderr


def test_a_word_that_was_mistyped_is_answered_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["historry"], prog_name="pratique")
    assert ended.value.code == 2
    assert "Did you mean 'history'?" in capsys.readouterr().err


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Of a ledger that nobody has written to yet."""
    file = tmp_path / "pratique.toml"
    file.write_text(f"""\
ledger = {{url = "sqlite:///{tmp_path / "ledger.db"}"}}
vault = {{address = "http://127.0.0.1:1", login = {{kind = "token", token_file = "{tmp_path / "token"}"}}}}
environments = {{dev = {{}}}}
""")
    return file


def test_the_version_that_is_told_is_the_one_that_is_installed() -> None:
    assert __version__ == version("pratique")
