"""`.dockerignore`, as Docker's documentation describes it."""

from __future__ import annotations

import io
import tarfile

import pytest

from pratique.clients.engine.context import context_of
from pratique.clients.engine.ignore import Ignore
from pratique.errors import Invalid
from tests.services.engine import image_build

CASES = (
    # patterns, ignored, kept
    ("*.log", ("trace.log",), ("deep/trace.log", "log")),
    ("**/*.log", ("trace.log", "deep/down/trace.log"), ("trace.logs",)),
    ("node_modules", ("node_modules", "node_modules/left/pad.js"), ("deep/node_modules", "node_modules2")),
    ("**/node_modules", ("node_modules/a/b", "deep/node_modules/a/b"), ("node_modules2/a",)),
    ("*/temp*", ("a/temporary.txt", "a/temp/x"), ("temporary.txt", "a/b/temporary.txt")),
    ("/leading/", ("leading", "leading/x"), ("x/leading",)),
    ("temp?", ("tempa", "temp1"), ("temp", "temp12")),
    ("[ab].txt", ("a.txt", "b.txt"), ("c.txt",)),
    ("secret", ("secret",), ("SECRET", "Secret/key")),
    ("a/../b", ("b",), ("a",)),
    ("# a comment\n\n  b  \n.", ("b",), ("a", "# a comment")),
    ("*\n!kept", ("other", "other/kept"), ("kept", "kept/below")),
    ("folder\n!folder/kept", ("folder/other",), ("folder/kept",)),
    # From here on: what moby does and other matchers do not.
    ("**.pem", ("a.pem", "deep/down/a.pem"), ("a.pem2", "pem")),
    ("**pem", ("pem", "a/xpem"), ("a/pem2",)),
    ("**/keys/*", ("keys/a", "a/b/keys/c", "keys/a/below"), ("keys", "a/keys")),
    ("**/id_*", ("id_rsa", "a/id_rsa"), ("xid_rsa",)),
    ("**", ("a", "a/b"), ()),
    ("**/", ("a", "a/b"), ()),
    ("a/**", ("a/b", "a/b/c"), ("a", "ab")),
    ("a**", ("a", "ab", "a/b"), ("ba",)),
    ("a/**/b", ("a/b", "a/x/b", "a/x/y/b"), ("a/x/bc", "b")),
    ("[^a].txt", ("b.txt", "^.txt"), ("a.txt",)),
    ("[!a].txt", ("!.txt", "a.txt"), ("b.txt",)),
    ("\\[id\\]", ("[id]",), ("i", "d")),
    ("a\\*b", ("a*b",), ("axb", "ab")),
    ("../foo", (), ("foo", "a/foo")),
    ("!../foo\n*", ("foo", "a"), ()),
    ("//a//b/", ("a/b", "a/b/c"), ("b",)),
    ("a?b", ("aéb", "a☺b"), ("a/b", "ab")),
    ("(a|b){2}+$.", ("(a|b){2}+$.",), ("ab",)),
    (" # x", ("# x",), ("x",)),
    ("\ufeffa\r\nb", ("a", "b"), ()),
    ("a\x0bb", ("a\x0bb",), ("a", "b")),
    ("\xa0a\u3000", ("a",), ("\xa0a",)),
    ("! kept\n*\n! kept", ("a",), ("kept",)),
    ("*\n!a/b\na/b/c", ("a", "a/x", "a/b/c"), ("a/b", "a/b/d")),
    ("**\n!**/*.go", ("a", "a/b.c"), ("a.go", "a/b.go")),
    ("/", (), ("a",)),
    ("*.md\n!README*.md\nREADME-secret.md", ("a.md", "README-secret.md"), ("README.md", "README-public.md")),
)


@pytest.mark.parametrize(("text", "ignored", "kept"), CASES, ids=[case[0] for case in CASES])
def test_patterns(text: str, ignored: tuple[str, ...], kept: tuple[str, ...]) -> None:
    patterns = Ignore(text)
    assert [path for path in (*ignored, *kept) if patterns.ignores(path)] == list(ignored)


def names_in(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def test_the_dockerfile_and_the_ignore_file_always_go_along() -> None:
    build = image_build({"Dockerfile": "FROM scratch", ".dockerignore": "*", "page": "x"})
    assert names_in(context_of(build)) == ["Dockerfile", ".dockerignore"]


def test_an_ignore_file_of_the_dockerfiles_own_comes_first() -> None:
    tree = {"web.Dockerfile": "FROM scratch", "web.Dockerfile.dockerignore": "a", ".dockerignore": "b", "a": "x", "b": "x"}
    assert names_in(context_of(image_build(tree, dockerfile="web.Dockerfile"))) == [
        "web.Dockerfile", "web.Dockerfile.dockerignore", ".dockerignore", "b",
    ]  # fmt: skip


def test_what_is_kept_keeps_its_content_mode_and_time() -> None:
    build = image_build({"Dockerfile": "FROM scratch", ".dockerignore": "b", "a": "content", "b": "x"})
    with (
        tarfile.open(fileobj=io.BytesIO(context_of(build))) as after,
        tarfile.open(fileobj=io.BytesIO(build.context)) as before,
    ):
        kept, was = after.getmember("a"), before.getmember("a")
        assert (kept.mode, kept.mtime, kept.size) == (was.mode, was.mtime, was.size)
        content = after.extractfile(kept)
        assert content is not None
        assert content.read() == b"content"


def test_without_an_ignore_file_the_context_is_sent_as_it_is() -> None:
    build = image_build({"Dockerfile": "FROM scratch", "a": "x"})
    assert context_of(build) is build.context


@pytest.mark.parametrize(
    "pattern", ["!", "[", "[^", "a[", "[]a]", "[-x]", "[x-]", "[a-", "[a-]", "\\", "a\\", "[\\", "[a", "x[^b", "! ", "[z-a]"]
)
def test_what_docker_does_not_take_is_told(pattern: str) -> None:
    with pytest.raises(Invalid, match="dockerignore"):
        Ignore(f"fine\n{pattern}")


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 40 + "b",
        "**/a" * 30 + "/b",
        "*" + "?" * 30 + "*b",
        "**/" * 40 + "b",
        "[^/]*" * 30 + "b",
        "a**" * 30 + "b",
        "*" * 99,
    ],
)
def test_no_pattern_backtracks_for_ever(pattern: str) -> None:
    ignore = Ignore(pattern)
    # That both come back is the point: what does not end is ended with the run.
    matches = [ignore.ignores("a" * 4000), ignore.ignores("/".join(["a" * 20] * 100))]
    assert matches == [pattern == "*" * 99] * 2


def test_a_path_that_is_no_utf_8_is_matched() -> None:
    assert Ignore("a?").ignores("a\udcff")
    assert not Ignore("b*").ignores("a\udcff")
