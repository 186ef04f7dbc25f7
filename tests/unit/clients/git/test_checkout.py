"""What of a work tree is in no commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.clients.git.checkout import uncommitted
from tests.services.git import git


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with one commit."""
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "serve").write_text("hello")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.test", "commit", "--quiet", "--message", "Serve")
    return folder


def test_what_is_committed_is_not_listed(tree: Path) -> None:
    assert uncommitted(tree) == []


@pytest.mark.parametrize("name", ["new", "with space", "grüß", "-rf"])
def test_new_files_are_listed_by_their_names(tree: Path, name: str) -> None:
    (tree / name).write_text("")
    assert uncommitted(tree) == [name]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("line\nbreak", r"line\nbreak"),
        ("\x1b[2Kgone", r"\x1b[2Kgone"),
        ("bell\a", r"bell\x07"),
        ("\u202egnp.sh", r"\u202egnp.sh"),
        ("\u200bhidden", r"\u200bhidden"),
    ],
)
def test_names_write_nothing_else_on_a_terminal(tree: Path, name: str, shown: str) -> None:
    (tree / name).write_text("")
    assert uncommitted(tree) == [shown]


def test_a_program_that_the_repository_names_is_not_run(tree: Path) -> None:
    trap = tree / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tree / 'sprung'}\n")
    trap.chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(trap))
    assert uncommitted(tree) == ["trap"]


def test_changed_staged_and_removed_files_are_listed(tree: Path) -> None:
    (tree / "staged").write_text("")
    git(tree, "add", "staged")
    (tree / "serve").unlink()
    assert sorted(uncommitted(tree)) == ["serve", "staged"]


def test_what_is_ignored_is_not(tree: Path) -> None:
    (tree / ".git" / "info" / "exclude").write_text("*.log\n")
    (tree / "today.log").write_text("")
    assert uncommitted(tree) == []


def test_where_there_is_no_work_tree_there_is_nothing(tmp_path: Path, tree: Path) -> None:
    assert uncommitted(tmp_path) == []
    assert uncommitted(tmp_path / "nowhere") == []
    git(tree, "clone", "--quiet", "--bare", ".", str(tmp_path / "bare"))
    assert uncommitted(tmp_path / "bare") == []
