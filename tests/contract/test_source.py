"""What every `Source` keeps: the fake and the real `git` alike."""

from __future__ import annotations

import hashlib
import io
import tarfile
from datetime import UTC, datetime

import pytest

from pratique.errors import Invalid, Refused
from tests.fakes.source import FIRST_TIME, Executable, FakeSource, Item, Link, Submodule
from tests.services.git import ArrangedGit

World = FakeSource | ArrangedGit


@pytest.fixture(params=["fake", "git"])
def world(request: pytest.FixtureRequest) -> World:
    return FakeSource() if request.param == "fake" else request.getfixturevalue("arranged_git")


def test_a_branch_names_its_newest_commit(world: World) -> None:
    world.commit({"a": b"1"}, subject="First")
    newest = world.commit({"a": b"2"}, subject="Second")
    commit = world.source.resolve(world.repository, "main")
    assert (commit.id, commit.subject, commit.repository) == (newest, "Second", world.repository)
    assert commit.committed_at == datetime.fromtimestamp(FIRST_TIME + 60, UTC)
    assert commit.author == "Ada Lovelace <ada@example.org>"


def test_a_branch_is_followed_when_it_moves(world: World) -> None:
    first = world.commit({"a": b"1"})
    assert world.source.resolve(world.repository, "main").id == first
    second = world.commit({"a": b"2"})
    assert world.source.resolve(world.repository, "main").id == second


def test_a_tag_a_full_id_and_a_full_ref_name_a_commit(world: World) -> None:
    first = world.commit({"a": b"1"})
    world.commit({"a": b"2"})
    world.name("refs/tags/v1.0", first)
    for ref in ("v1.0", first, "refs/tags/v1.0"):
        assert world.source.resolve(world.repository, ref).id == first


def test_a_ref_outside_branches_and_tags_is_found_by_its_full_name(world: World) -> None:
    world.commit({"a": b"1"})
    asked = world.commit({"a": b"2"}, branch="proposal")
    world.name("refs/pull/7/head", asked)
    world.name("refs/heads/proposal", None)
    assert world.source.resolve(world.repository, "refs/pull/7/head").id == asked


def test_a_name_that_is_a_branch_and_another_commits_tag_is_refused(world: World) -> None:
    first = world.commit({"a": b"1"})
    second = world.commit({"a": b"2"})
    world.name("refs/tags/main", first)
    with pytest.raises(Refused, match="refs/heads/main or refs/tags/main"):
        world.source.resolve(world.repository, "main")
    assert world.source.resolve(world.repository, "refs/heads/main").id == second


def test_an_unknown_ref_is_refused_naming_repository_and_ref(world: World) -> None:
    world.commit({"a": b"1"})
    with pytest.raises(Refused, match="'absent'") as refused:
        world.source.resolve(world.repository, "absent")
    assert world.repository in str(refused.value)


def test_a_deleted_branch_is_unknown_from_then_on(world: World) -> None:
    commit = world.commit({"a": b"1"})
    world.name("refs/heads/topic", commit)
    world.source.resolve(world.repository, "topic")
    world.name("refs/heads/topic", None)
    with pytest.raises(Refused, match="'topic'"):
        world.source.resolve(world.repository, "topic")


def test_an_abbreviated_id_is_invalid(world: World) -> None:
    commit = world.commit({"a": b"1"})
    with pytest.raises(Invalid, match="give all 40"):
        world.source.resolve(world.repository, commit[:12])


def test_a_tag_that_looks_like_an_abbreviated_id_is_a_tag(world: World) -> None:
    commit = world.commit({"a": b"1"})
    world.name("refs/tags/20260102", commit)
    assert world.source.resolve(world.repository, "20260102").id == commit


def test_an_id_that_no_branch_and_no_tag_holds_is_refused(world: World) -> None:
    world.commit({"a": b"1"})
    stranger = world.commit({"a": b"2"}, branch="fork")
    world.name("refs/pull/1/head", stranger)
    world.name("refs/heads/fork", None)
    for absent in (stranger, "0" * 40):
        with pytest.raises(Refused, match="no branch and no tag holds commit"):
            world.source.resolve(world.repository, absent)


def test_another_repository_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="there is no Git repository"):
        world.source.resolve("/no/such/repository", "main")


def test_a_commit_is_on_a_branch_once_it_is_there_or_below(world: World) -> None:
    first = world.commit({"a": b"1"})
    world.name("refs/heads/other", first)
    second = world.commit({"a": b"2"})
    assert world.source.head_contains(world.repository, "main", first)
    assert world.source.head_contains(world.repository, "main", second)
    assert not world.source.head_contains(world.repository, "other", second)
    assert not world.source.head_contains(world.repository, "main", "0" * 40)


@pytest.mark.parametrize("content", [b"", b"text\n", bytes(range(256)), b"\r\n$Id$\r\n"])
def test_a_file_comes_back_exactly(world: World, content: bytes) -> None:
    world.commit({"folder/file": content, ".gitattributes": b"* text ident export-subst\n"})
    commit = world.source.resolve(world.repository, "main")
    assert world.source.file(commit, "folder/file") == content


@pytest.mark.parametrize("path", ["absent", "folder", "folder/absent", "link", "link/file", "module"])
def test_what_is_no_file_is_refused(world: World, path: str) -> None:
    world.commit({"folder/file": b"", "link": Link("folder"), "module": Submodule()})
    commit = world.source.resolve(world.repository, "main")
    with pytest.raises(Refused, match=path):
        world.source.file(commit, path)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "--help", "folder/../../outside"])
def test_a_path_that_leaves_the_repository_is_invalid(world: World, path: str) -> None:
    world.commit({"folder/file": b""})
    commit = world.source.resolve(world.repository, "main")
    for read in (world.source.file, world.source.files, world.source.archive):
        with pytest.raises(Invalid, match="inside the repository"):
            read(commit, path)


def test_the_files_of_a_folder_are_named_relative_to_it(world: World) -> None:
    world.commit({"modules/queue/module.yaml": b"a", "modules/queue/more/b": b"b", "modules/queues": b"c", "d": b"d"})
    commit = world.source.resolve(world.repository, "main")
    assert world.source.files(commit, "modules/queue") == {"module.yaml": b"a", "more/b": b"b"}
    assert set(world.source.files(commit, ".")) == {
        *("modules/queue/module.yaml", "modules/queue/more/b", "modules/queues", "d"),
    }


def test_links_among_the_files_of_a_folder_are_refused(world: World) -> None:
    world.commit({"module/template.yaml": Link("other"), "module/other": b""})
    with pytest.raises(Refused, match="links"):
        world.source.files(world.source.resolve(world.repository, "main"), "module")


def test_a_folder_that_is_not_there_is_refused(world: World) -> None:
    world.commit({"file": b""})
    commit = world.source.resolve(world.repository, "main")
    for path in ("absent", "file"):
        with pytest.raises(Refused, match=path):
            world.source.archive(commit, path)


def test_an_archive_holds_the_folder_as_the_commit_has_it(world: World) -> None:
    tree: dict[str, Item] = {
        "Dockerfile": b"outside",
        "app/Dockerfile": b"FROM scratch\n",
        "app/bin/run": Executable(b"#!/bin/sh\r\n"),
        "app/bin/again": Link("run"),
        "app/up": Link("./bin/run"),
        "app/größe": b"utf-8",
        "app/.gitattributes": b"Dockerfile export-ignore\n* export-subst eol=lf\n",
        "app/secret": b"$Format:%H$",
    }
    world.commit(tree)
    commit = world.source.resolve(world.repository, "main")
    with tarfile.open(fileobj=io.BytesIO(world.source.archive(commit, "app"))) as archive:
        members = {member.name: member for member in archive}
        contents = {name: archive.extractfile(name).read() for name in members if members[name].isfile()}  # type: ignore[union-attr]  # files have content
    assert set(members) == {"Dockerfile", "bin", "bin/run", "bin/again", "up", "größe", ".gitattributes", "secret"}
    assert contents["Dockerfile"] == b"FROM scratch\n"
    assert contents["bin/run"] == b"#!/bin/sh\r\n"
    assert contents["secret"] == b"$Format:%H$"
    assert (members["bin/run"].mode, members["Dockerfile"].mode, members["bin"].mode) == (0o755, 0o644, 0o755)
    assert (members["bin/again"].issym(), members["bin/again"].linkname) == (True, "run")
    assert {member.mtime for member in members.values()} == {commit.epoch}
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}


def test_the_same_commit_gives_the_same_archive(world: World) -> None:
    world.commit({f"folder/{name}": name.encode() for name in "zyxw"} | {"folder/a/b": b"", "folder.b": b""})
    commit = world.source.resolve(world.repository, "main")
    digests = {hashlib.sha256(world.source.archive(commit, ".")).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"app/vendor": Submodule()}, "vendor is a submodule"),
        ({"app/big": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}, "big is a Git LFS pointer"),
        ({"app/out": Link("/etc/passwd")}, "out is a link that leaves"),
        ({"app/out": Link("../Dockerfile")}, "out is a link that leaves"),
        ({"app/a/out": Link("../../x")}, "a/out is a link that leaves"),
        # `loop` leads to the root, so that `loop/..` leads out, although it looks like `deep/er`.
        ({"app/deep/er/loop": Link("../.."), "app/deep/er/out": Link("loop/../x")}, "deep/er/out is a link that leaves"),
    ],
)
def test_a_folder_that_cannot_be_handed_out_whole_is_refused(world: World, tree: dict[str, Item], reason: str) -> None:
    world.commit({"app/Dockerfile": b"", **tree})
    with pytest.raises(Refused, match=reason):
        world.source.archive(world.source.resolve(world.repository, "main"), "app")
