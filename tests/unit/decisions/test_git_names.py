"""What may name a repository and a ref."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from pratique.decisions.git_names import is_commit_id, looks_abbreviated, require_ref, require_repository
from pratique.errors import Invalid

CASES = Path(__file__).parents[2] / "cases"
GIT = shutil.which("git") or "git"


def cases(name: str) -> list[tuple[str, str]]:
    return [(written(text), phrase) for text, phrase in json.loads((CASES / name).read_text()).values()]


def written(text: str) -> str:
    """`REPEAT x 3` stands for xxx, so that no case is longer than its line."""
    word, _, rest = text.partition(" ")
    return rest.split()[0] * int(rest.split()[1]) if word == "REPEAT" else text


@pytest.mark.parametrize(("ref", "phrase"), cases("bad_refs.json"))
def test_a_bad_ref_is_invalid_with_a_remedy(ref: str, phrase: str) -> None:
    with pytest.raises(Invalid) as invalid:
        require_ref(ref)
    assert invalid.value.place == "ref"
    assert phrase in str(invalid.value)
    assert invalid.value.remedy
    assert str(invalid.value).isprintable()


@pytest.mark.parametrize("ref", ["main", "feature/a-b", "v1.0", "refs/pull/7/head", "a" * 40, "release_1", "größe", "a@b", "1"])
def test_a_ref_comes_back_as_it_is(ref: str) -> None:
    assert require_ref(ref) == ref


@given(some.text(alphabet=some.characters() | some.sampled_from("/.-@{~^:?*[\\ "), max_size=30))
@example("a.lock/b")
def test_what_is_accepted_is_a_ref_to_git_too(ref: str) -> None:
    try:
        require_ref(ref)
    except Invalid:
        return
    name = ref if ref.startswith("refs/") else f"refs/heads/{ref}"
    assert subprocess.run([GIT, "check-ref-format", name], check=False).returncode == 0


@pytest.mark.parametrize(("repository", "phrase"), cases("bad_repositories.json"))
def test_a_bad_repository_is_invalid_and_never_repeated(repository: str, phrase: str) -> None:
    with pytest.raises(Invalid) as invalid:
        require_repository(repository)
    assert invalid.value.place == "repository"
    assert phrase in str(invalid.value)
    assert invalid.value.remedy
    assert "PLANTED" not in str(invalid.value)


@pytest.mark.parametrize(
    "repository",
    [
        "https://git.example.org/team/hello.git",
        "https://git.example.org:8443/hello",
        "https://[2001:db8::1]:8443/hello",
        "http://127.0.0.1:3000/hello.git",
        "http://[::1]:3000/hello.git",
        "ssh://git@git.example.org:2222/hello.git",
        "git@git.example.org:team/hello.git",
        "git.example.org:hello.git",
        "file:///srv/git/hello.git",
        "/srv/git/hello there.git",
    ],
)
def test_a_repository_comes_back_as_it_is(repository: str) -> None:
    assert require_repository(repository) == repository


@given(some.text(max_size=60) | some.from_regex(r"(https|ssh|file|http)://[!-~]{0,40}", fullmatch=True))
def test_a_repository_is_accepted_or_invalid_and_nothing_else(repository: str) -> None:
    try:
        accepted = require_repository(repository)
    except Invalid:
        return
    assert not accepted.startswith("-")
    assert accepted.isprintable()


def test_only_a_whole_id_is_an_id() -> None:
    assert is_commit_id("a" * 40)
    assert is_commit_id("0" * 64)
    assert not any(is_commit_id(text) for text in ("a" * 39, "A" * 40, "a" * 41, "a" * 40 + "\n", "g" * 40))
    assert looks_abbreviated("abcdef1")
    assert not any(looks_abbreviated(text) for text in ("abc", "main", "ABCDEF1"))
