"""What is told of a build that fails."""

from __future__ import annotations

import pytest

from pratique.clients.engine.progress import Progress
from pratique.errors import Refused, Transient
from tests.services.engine import image_build


def progress(lines: list[str]) -> tuple[Progress, list[str]]:
    log: list[str] = []
    told = Progress(image_build({}), log.append, lambda text: text.replace("hunter2", "********"))
    for line in lines:
        told.line(line)
    return told, log


def test_the_failing_step_and_the_last_lines_are_told_without_secrets() -> None:
    told, log = progress(
        ["Step 1/2 : FROM scratch", "", "Step 2/2 : RUN make", *(f"line {n}" for n in range(20)), "has hunter2\n"]
    )
    error = told.failure("returned a non-zero code: 2\nwith hunter2")
    assert isinstance(error, Refused)
    message = str(error)
    assert "hello: image web of commit 111111111111 does not build: Step 2/2 : RUN make failed" in message
    assert "line 11 | " in message
    assert "line 10 | " not in message
    assert "hunter2" not in f"{message}{log}"
    assert log[-1] == "has ********"


@pytest.mark.parametrize(
    ("lines", "words", "kind"),
    [
        (["Step 1/2 : FROM base"], "Get https://registry/v2/: dial tcp: connection refused", Transient),
        (
            ["#2 [internal] load metadata for base"],
            "failed to do request: connection refused: load metadata for base",
            Transient,
        ),
        (["Step 1/2 : FROM base"], "manifest for base:latest not found: manifest unknown", Refused),
        (["Step 1/2 : FROM base", "Step 2/2 : RUN fetch"], "connection refused", Refused),
        (["Step 2/11 : ARG VERSION"], 'unable to find image "sha256:675789dde244"', Transient),
    ],
    ids=["base", "base with BuildKit", "no such base", "a step's own network", "a cached image removed meanwhile"],
)
def test_asking_again_helps_only_where_a_base_could_not_be_fetched_or_the_cache_lost_an_image(
    lines: list[str], words: str, kind: type[Exception]
) -> None:
    assert type(progress(lines)[0].failure(words)) is kind
