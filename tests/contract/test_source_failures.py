"""How the real `git` source ends where the other side, or somebody before it, has failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.clients.git import GitSource
from pratique.errors import Refused, Transient
from tests.services.git import ArrangedGit, GitServer, git


def mirror_of(cache: Path) -> Path:
    return next(cache.glob("*/mirror.git"))


def test_a_repository_is_read_over_http(arranged_git: ArrangedGit, git_server: GitServer, tmp_path: Path) -> None:
    made = arranged_git.commit({"a": b"1"})
    commit = arranged_git.source.resolve(f"{git_server.address}/ok/{arranged_git.folder.name}", "main")
    assert commit.id == made
    assert arranged_git.source.file(commit, "a") == b"1"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_transient(git_server: GitServer, tmp_path: Path, status: int) -> None:
    with pytest.raises(Transient, match=f"could not be reached.*{status}"):
        GitSource(tmp_path / "cache").resolve(f"{git_server.address}/{status}/hello.git", "main")


def test_a_connection_that_breaks_is_transient(git_server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(Transient, match="could not be reached"):
        GitSource(tmp_path / "cache").resolve(f"{git_server.address}/cut/hello.git", "main")


def test_nobody_listening_is_transient(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="could not be reached"):
        GitSource(tmp_path / "cache").resolve("https://127.0.0.1:1/hello.git", "main")


def test_a_server_that_never_answers_is_transient_after_the_deadline(git_server: GitServer, tmp_path: Path) -> None:
    source = GitSource(tmp_path / "cache", fetch_within=timedelta(seconds=0.5))
    with pytest.raises(Transient, match="did not end within"):
        source.resolve(f"{git_server.address}/hang/hello.git", "main")


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "login was refused"), (403, "access was denied"), (404, "no Git repository")]
)
def test_a_server_that_says_no_is_refused(git_server: GitServer, tmp_path: Path, status: int, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        GitSource(tmp_path / "cache").resolve(f"{git_server.address}/{status}/hello.git", "main")


def test_credentials_come_from_netrc(
    arranged_git: ArrangedGit, git_server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arranged_git.commit({"a": b"1"})
    git_server.password = "s3cret"
    address = f"{git_server.address}/ok/{arranged_git.folder.name}"
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Refused, match="login was refused"):
        arranged_git.source.resolve(address, "main")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password s3cret\n")
    assert arranged_git.source.resolve(address, "main").subject == "Change"


def test_a_known_commit_is_read_without_asking_again(arranged_git: ArrangedGit, git_server: GitServer) -> None:
    made = arranged_git.commit({"a": b"1"})
    address = f"{git_server.address}/ok/{arranged_git.folder.name}"
    arranged_git.source.resolve(address, "main")
    git_server.asked.clear()
    commit = arranged_git.source.resolve(address, made)
    arranged_git.source.archive(commit, ".")
    assert git_server.asked == []


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no Git repository"):
        GitSource(tmp_path / "cache").resolve(str(tmp_path), "main")


def test_a_repository_with_a_work_tree_gives_what_is_committed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "file").write_bytes(b"committed")
    git(folder, "add", "file")
    git(folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "--message=One")
    (folder / "file").write_bytes(b"not committed")
    for repository in (str(folder), f"file://{folder}"):
        source = GitSource(tmp_path / "cache")
        assert source.file(source.resolve(repository, "main"), "file") == b"committed"


def test_a_repository_with_sha256_ids_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "sha256.git"
    folder.mkdir()
    git(folder, "init", "--quiet", "--bare", "--object-format=sha256")
    made = ArrangedGit(folder, GitSource(tmp_path / "cache"))
    identity = made.commit({"a": b"1"})
    assert len(identity) == 64
    for ref in ("main", identity):
        assert made.source.file(made.source.resolve(str(folder), ref), "a") == b"1"


def test_an_empty_repository_has_no_ref(arranged_git: ArrangedGit) -> None:
    with pytest.raises(Refused, match="no branch and no tag 'main'"):
        arranged_git.source.resolve(arranged_git.repository, "main")


def test_a_tag_on_something_that_is_no_commit_is_refused(arranged_git: ArrangedGit) -> None:
    commit = arranged_git.commit({"a": b"1"})
    arranged_git.name("refs/tags/blob", git(arranged_git.folder, "rev-parse", f"{commit}:a"))
    with pytest.raises(Refused, match="no commit"):
        arranged_git.source.resolve(arranged_git.repository, "blob")


def test_an_annotated_tag_names_its_commit(arranged_git: ArrangedGit) -> None:
    commit = arranged_git.commit({"a": b"1"})
    git(arranged_git.folder, "-c", "user.name=Ada", "-c", "user.email=a@b", "tag", "--annotate", "--message=x", "v1", commit)
    assert arranged_git.source.resolve(arranged_git.repository, "v1").id == commit


def test_a_malformed_object_is_refused(arranged_git: ArrangedGit) -> None:
    blob = git(arranged_git.folder, "hash-object", "-w", "--stdin", stdin=b"x")
    tree = git(arranged_git.folder, "mktree", stdin=f"100644 blob {blob}\t.git\n".encode())
    person = "Ada <ada@example.org> 1700000000 +0000"
    text = f"tree {tree}\nauthor {person}\ncommitter {person}\n\nEvil\n"
    commit = git(arranged_git.folder, "hash-object", "-w", "-t", "commit", "--stdin", stdin=text.encode())
    arranged_git.name("refs/heads/main", commit)
    with pytest.raises(Refused, match="malformed"):
        arranged_git.source.resolve(arranged_git.repository, "main")


def test_what_a_commit_says_of_itself_moves_no_cursor(arranged_git: ArrangedGit) -> None:
    arranged_git.commit({"a": b"1"}, subject="Fine\x1b[2J", author="Eve\x1b[A <eve@example.org>")
    commit = arranged_git.source.resolve(arranged_git.repository, "main")
    assert commit.subject == "Fine�[2J"
    assert commit.author == "Eve�[A <eve@example.org>"


def test_hooks_and_configuration_of_others_are_not_run(
    arranged_git: ArrangedGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arranged_git.commit({"a": b"1"})
    touched = tmp_path / "touched"
    (tmp_path / ".gitconfig").write_text(f'[core]\n\tfsmonitor = touch {touched}\n[url "/elsewhere/"]\n\tinsteadOf = /\n')
    hooks = tmp_path / "templates" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {touched}\n")
        (hooks / name).chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks.parent))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    arranged_git.source.resolve(arranged_git.repository, "main")
    shutil.copytree(hooks, mirror_of(tmp_path / "cache") / "hooks")
    arranged_git.commit({"a": b"2"})
    arranged_git.source.resolve(arranged_git.repository, "main")
    assert not touched.exists()


def test_a_repository_of_another_user_is_read(arranged_git: ArrangedGit) -> None:
    arranged_git.commit({"a": b"1"})
    if os.geteuid() == 0:
        for path in (arranged_git.folder, *arranged_git.folder.rglob("*")):
            os.chown(path, 65534, 65534)
    assert arranged_git.source.resolve(arranged_git.repository, "main").subject == "Change"


def test_what_a_dead_fetch_left_behind_is_cleared(arranged_git: ArrangedGit, tmp_path: Path) -> None:
    arranged_git.commit({"a": b"1"})
    arranged_git.source.resolve(arranged_git.repository, "main")
    mirror = mirror_of(tmp_path / "cache")
    (mirror / "packed-refs.lock").touch()
    (mirror / "refs" / "heads" / "main.lock").touch()
    second = arranged_git.commit({"a": b"2"})
    assert arranged_git.source.resolve(arranged_git.repository, "main").id == second


def test_a_mirror_whose_maker_died_is_made_anew(arranged_git: ArrangedGit, tmp_path: Path) -> None:
    made = arranged_git.commit({"a": b"1"})
    arranged_git.source.resolve(arranged_git.repository, "main")
    mirror = mirror_of(tmp_path / "cache")
    mirror.rename(mirror.parent / "tmpdead")
    assert arranged_git.source.resolve(arranged_git.repository, "main").id == made


def test_a_broken_mirror_is_refused_with_the_remedy(arranged_git: ArrangedGit, tmp_path: Path) -> None:
    arranged_git.commit({"a": b"1"})
    commit = arranged_git.source.resolve(arranged_git.repository, "main")
    for pack in mirror_of(tmp_path / "cache").glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"rubbish")
    with pytest.raises(Refused):
        arranged_git.source.file(commit, "a")


def test_many_at_once_fetch_one_after_another(arranged_git: ArrangedGit, tmp_path: Path) -> None:
    made = arranged_git.commit({"a": b"1"})
    start = threading.Barrier(6)

    def resolve(_: int) -> str:
        start.wait()
        return GitSource(tmp_path / "cache").resolve(arranged_git.repository, "main").id

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(resolve, range(6))) == {made}


def test_a_fetch_that_another_does_not_end_is_transient(arranged_git: ArrangedGit, tmp_path: Path) -> None:
    arranged_git.commit({"a": b"1"})
    arranged_git.source.resolve(arranged_git.repository, "main")
    lock = mirror_of(tmp_path / "cache").parent / "lock"
    with subprocess.Popen(["/usr/bin/flock", str(lock), "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"held\n")
        holder.stdin.flush()
        holder.stdout.readline()
        arranged_git.commit({"a": b"2"}, subject="Second")
        with pytest.raises(Transient, match="still fetching"):
            GitSource(tmp_path / "cache", fetch_within=timedelta(seconds=0.2)).resolve(arranged_git.repository, "main")
        holder.stdin.close()
    assert arranged_git.source.resolve(arranged_git.repository, "main").subject == "Second"


def test_a_machine_without_git_is_refused(arranged_git: ArrangedGit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="install it"):
        arranged_git.source.resolve(arranged_git.repository, "main")
