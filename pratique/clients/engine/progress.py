"""The lines of a running build: passed on, and the last of them kept for the case that it fails."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from pratique.clients.engine.errors import verdict
from pratique.clients.ports import ImageBuild, Log
from pratique.errors import Refused, Transient

_LAST_LINES = 10
_CLASSIC_STEP = re.compile(r"^Step \d+/\d+ : ")
_BUILDKIT_STEP = re.compile(r"^#\d+ \[.*\d+/\d+\] ")
_VANISHED = re.compile(r'unable to find image "sha256:|No such image: sha256:')
"""The engine's words where an image of its build cache was removed between two steps, by whoever prunes there."""
_FETCHES = re.compile(r"\bFROM\b|load metadata|load build definition|resolve image")


class Progress:
    """Where a build is."""

    def __init__(self, build: ImageBuild, log: Log, redact: Callable[[str], str]) -> None:
        self._build, self._log, self._redact = build, log, redact
        self._step = "its first step"
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def line(self, text: str) -> None:
        """Take one line."""
        shown = self._redact(text.rstrip())
        if not shown.strip():
            return
        if _CLASSIC_STEP.match(shown) or _BUILDKIT_STEP.match(shown):
            self._step = shown
        self._last.append(shown)
        self._log(shown)

    def failure(self, words: str) -> Refused | Transient:
        """The error for a build that ended with these words: the failing step and the last lines.

        Asking again helps only where the engine could not fetch a base image, or lost a cached one; a step that ran and failed
        fails again.
        """
        # Redacted before it is folded into one line, in which a secret with white space would not be known again.
        said = " ".join(self._redact(words).split())
        image = f"{self._build.service}: image {self._build.section.name} of commit {self._build.commit.short}"
        if _VANISHED.search(said):
            return Transient(f"build {image}: an image of the engine's build cache was removed meanwhile: {said}")
        error = verdict(f"build {image}", said)
        if isinstance(error, Transient) and _FETCHES.search(f"{self._step} {said}"):
            return error
        return Refused(f"{image} does not build: {self._step} failed: {said}; its last lines: {' | '.join(self._last)}")
