"""What was fetched is what the repository says now, or nothing is delivered: clones of every kind, with a mirror or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.clients.git import GitSource
from pratique.clients.git.checkout import checked_out
from pratique.clients.git.mirror import Mirror
from pratique.errors import Refused, Transient
from tests.services.git import ArrangedGit, git

Clone = Callable[..., Path]


@pytest.fixture
def clone(arranged_git: ArrangedGit, tmp_path: Path) -> Clone:
    """Makes clones, as a CI job does."""
    numbers = iter(range(100))

    def made(*options: str) -> Path:
        folder = tmp_path / f"clone-{next(numbers)}"
        git(tmp_path, "clone", "--quiet", *options, f"file://{arranged_git.folder}", str(folder))
        return folder

    return made


def commits(arranged: ArrangedGit, number: int = 3) -> list[str]:
    return [arranged.commit({"a": str(arranged.made).encode()}, subject=f"Number {arranged.made}") for _ in range(number)]


def of_clone(world: ArrangedGit, folder: Path, ref: str) -> str:
    return world.source.resolve(str(folder), ref).id


SHALLOW = {
    "depth 1": ["--depth=1"],
    "depth 2": ["--depth=2"],
    "one branch": ["--depth=1", "--single-branch", "--branch=main"],
    "no tags": ["--depth=1", "--no-tags"],
    "since": ["--shallow-since=2023-11-14T22:14:30Z"],
    "without a work tree": ["--bare", "--depth=1"],
}


@pytest.mark.parametrize("kind", SHALLOW)
@pytest.mark.parametrize("ref", ["main", "refs/heads/main", "v1", "commit"])
def test_a_shallow_clone_is_refused_as_that(arranged_git: ArrangedGit, clone: Clone, kind: str, ref: str) -> None:
    *_, newest = commits(arranged_git)
    if kind != "no tags":
        arranged_git.name("refs/tags/v1", newest)
    elif ref == "v1":
        ref = "main"
    folder = clone(*SHALLOW[kind])
    with pytest.raises(Refused, match=r"is a shallow clone.*git fetch --unshallow.*fetch-depth: 0"):
        of_clone(arranged_git, folder, newest if ref == "commit" else ref)


@pytest.mark.parametrize("kind", ["depth 1", "depth 2", "one branch", "since"])
def test_a_mirror_from_yesterday_is_not_taken_for_a_shallow_clone_of_today(
    arranged_git: ArrangedGit, clone: Clone, kind: str
) -> None:
    commits(arranged_git, 1)
    folder = clone()
    of_clone(arranged_git, folder, "main")
    *_, newest = commits(arranged_git, 4)
    folder.rename(folder.with_name("yesterday"))
    clone(*SHALLOW[kind]).rename(folder)
    with pytest.raises(Refused, match="is a shallow clone"):
        of_clone(arranged_git, folder, "main")
    git(folder, "fetch", "--quiet", "--unshallow")
    assert of_clone(arranged_git, folder, "main") == newest


@pytest.mark.parametrize("options", [["--depth=50"], ["--single-branch"], ["--no-tags"], ["--bare"], ["--mirror"]])
def test_a_clone_that_has_the_whole_history_is_taken(arranged_git: ArrangedGit, clone: Clone, options: list[str]) -> None:
    *_, newest = commits(arranged_git)
    assert of_clone(arranged_git, clone(*options), "main") == newest


@pytest.mark.parametrize("kind", ["worktree", "detached clone", "commit of nobody's", "tag", "branch", "both"])
def test_what_is_checked_out_is_delivered(arranged_git: ArrangedGit, clone: Clone, tmp_path: Path, kind: str) -> None:
    first, second, _ = commits(arranged_git)
    folder, expected = clone(), second
    match kind:
        case "worktree":
            git(folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), second)
            folder = tmp_path / "tree"
        case "detached clone":
            git(folder, "checkout", "--quiet", "--detach", second)
        case "commit of nobody's":
            # As a CI job's merge of a pull request: at no branch and no tag.
            git(folder, "checkout", "--quiet", "--detach", first)
            git(folder, *("-c", "user.name=a", "-c", "user.email=a@b"), "commit", "--quiet", "--allow-empty", "--message=Merge")
            expected = git(folder, "rev-parse", "HEAD")
        case "tag":
            git(folder, "tag", "v2", second)
            git(folder, "checkout", "--quiet", "v2")
        case "branch":
            git(folder, "checkout", "--quiet", "-b", "topic", second)
            assert checked_out(folder) == "topic"
        case "both":
            git(folder, "tag", "topic", first)
            git(folder, "checkout", "--quiet", "-b", "topic", second)
            assert checked_out(folder) == "refs/heads/topic"
    ref = checked_out(folder)
    assert ref is not None
    assert of_clone(arranged_git, folder, ref) == expected
    # What was checked out once and is held by nothing any more does not count.
    git(folder, "checkout", "--quiet", "--detach", first)
    assert of_clone(arranged_git, folder, checked_out(folder) or "") == first


def test_a_commit_that_was_checked_out_and_left_is_nobodys(arranged_git: ArrangedGit, clone: Clone) -> None:
    first, *_ = commits(arranged_git)
    folder = clone()
    git(folder, "checkout", "--quiet", "--detach", first)
    git(folder, *("-c", "user.name=a", "-c", "user.email=a@b"), "commit", "--quiet", "--allow-empty", "--message=Alone")
    alone = git(folder, "rev-parse", "HEAD")
    assert of_clone(arranged_git, folder, alone) == alone
    git(folder, "checkout", "--quiet", "main")
    of_clone(arranged_git, folder, "main")
    with pytest.raises(Refused, match="no branch and no tag holds"):
        of_clone(arranged_git, folder, alone)


@pytest.mark.parametrize("kind", ["bare", "empty folder", "file"])
def test_where_nothing_is_checked_out_nothing_is_said(arranged_git: ArrangedGit, tmp_path: Path, kind: str) -> None:
    commits(arranged_git, 1)
    (tmp_path / "empty").mkdir()
    folder = {"bare": arranged_git.folder, "empty folder": tmp_path / "empty", "file": arranged_git.folder / "HEAD"}[kind]
    assert checked_out(folder) is None


def moving(monkeypatch: pytest.MonkeyPatch, world: ArrangedGit, times: int) -> list[str]:
    """Let somebody push each time that the mirror has just asked where the branch is."""
    whole, pushed = Mirror._said, [""]

    def said(self: Mirror, extra: str | None) -> dict[str, str]:
        answer = whole(self, extra)
        if len(pushed) <= times:
            pushed.append(world.commit({"a": str(len(pushed)).encode()}))
        return answer

    monkeypatch.setattr(Mirror, "_said", said)
    return pushed


@pytest.mark.parametrize("times", [1, 2, 99])
def test_of_a_branch_that_moves_while_it_is_fetched_a_commit_that_it_was_at_meanwhile_is_taken(
    arranged_git: ArrangedGit, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    *_, before = commits(arranged_git)
    assert of_clone(arranged_git, arranged_git.folder, "main") == before
    pushed = moving(monkeypatch, arranged_git, times)
    arranged_git.commit({"a": b"first"})
    assert of_clone(arranged_git, arranged_git.folder, "main") in pushed


def test_what_cannot_be_fetched_as_the_repository_says_it_is_may_be_asked_for_again(
    arranged_git: ArrangedGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits(arranged_git)
    monkeypatch.setattr(Mirror, "_said", lambda *_: {"refs/heads/main": "f" * 40})
    with pytest.raises(Transient, match="refs/heads/main is at"):
        of_clone(arranged_git, arranged_git.folder, "main")


def test_what_has_not_moved_is_not_fetched_again(arranged_git: ArrangedGit, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, newest = commits(arranged_git)
    assert of_clone(arranged_git, arranged_git.folder, "main") == newest
    monkeypatch.setattr(Mirror, "fetch", lambda *_, **__: pytest.fail("it was fetched"))
    assert of_clone(arranged_git, arranged_git.folder, "main") == newest


def test_a_source_with_a_cache_of_its_own_says_the_same(arranged_git: ArrangedGit, clone: Clone, tmp_path: Path) -> None:
    *_, newest = commits(arranged_git)
    assert GitSource(tmp_path / "another").resolve(str(clone()), "main").id == newest
