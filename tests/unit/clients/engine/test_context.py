"""`.dockerignore`, as Docker's documentation describes it."""

from __future__ import annotations

import io
import tarfile

import pytest

from pratique.clients.engine.context import context_of, is_ignored, parse_ignore
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
    ("*.md\n!README*.md\nREADME-secret.md", ("a.md", "README-secret.md"), ("README.md", "README-public.md")),
)


@pytest.mark.parametrize(("text", "ignored", "kept"), CASES, ids=[case[0] for case in CASES])
def test_patterns(text: str, ignored: tuple[str, ...], kept: tuple[str, ...]) -> None:
    patterns = parse_ignore(text)
    assert [path for path in (*ignored, *kept) if is_ignored(path, patterns)] == list(ignored)


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
