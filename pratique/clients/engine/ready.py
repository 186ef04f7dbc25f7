"""Waiting until a new container is ready for traffic."""

from __future__ import annotations

import time

from docker import DockerClient
from docker.models.containers import Container

from pratique.clients.engine.errors import translated
from pratique.clients.engine.execute import execute_in
from pratique.clients.pauses import pause
from pratique.errors import Refused, Transient
from pratique.scrub import Redactor
from pratique.values.manifest import WorkloadSection

_STABLE = 1.0
"""Seconds that a container without any health check has to run without ending."""
_PAUSE = 0.1
_LAST_LINES = 10


def await_ready(engine: DockerClient, container: Container, section: WorkloadSection, redact: Redactor) -> None:
    """Return when the container is ready; refused, with its last words, when it ends or is not within `ready_within`.

    The manifest's own health check is asked here, too: the engine asks it for the first time only after an interval.
    """
    begin = time.monotonic()
    end = begin + section.ready_within.total_seconds()
    while True:
        with translated(f"inspect {container.name}"):
            container.reload()
        state = container.attrs["State"]
        if state["Status"] != "running" or container.attrs["RestartCount"] > 0:
            raise Refused(f"{container.name} ended with status {state['ExitCode']}; {_last_words(container, redact)}")
        problem = _problem(engine, container, section, time.monotonic() - begin, redact)
        if not problem:
            return
        if time.monotonic() > end:
            limit = f"{section.ready_within.total_seconds():g} s"
            raise Refused(f"{container.name} was not ready within {limit}: {problem}; {_last_words(container, redact)}")
        pause(_PAUSE)


def _problem(engine: DockerClient, container: Container, section: WorkloadSection, seconds: float, redact: Redactor) -> str:
    """Why it is not ready; empty where it is."""
    # The engine knows of a health check of the image's own, too.
    health = container.attrs["State"].get("Health", {}).get("Status")
    if health == "healthy":
        return ""
    if section.healthcheck:
        try:
            status, output = execute_in(engine, str(container.id), section.healthcheck.command, section.healthcheck.timeout)
        except (Refused, Transient) as error:
            # It may be ending at this very moment, which the next look at it will show.
            return f"its health check could not be run: {redact(str(error))}"
        # Redacted before it is folded into one line, in which a secret with white space would not be known again.
        return f"its health check ended with status {status}: {' '.join(redact(output).split())}" if status else ""
    if health:
        return f"its health is {health!r}"
    return "" if seconds >= min(_STABLE, section.ready_within.total_seconds()) else "it has just been started"


def _last_words(container: Container, redact: Redactor) -> str:
    try:
        with translated(f"read the log of {container.name}"):
            output = container.logs(tail=_LAST_LINES).decode(errors="replace")
    except (Refused, Transient) as error:
        # Some log drivers cannot be read: how it ended is what is told, whatever its log says.
        return f"its log cannot be read: {error}"
    # Redacted as a whole, before it is cut into lines: a secret may have several.
    lines = redact.cut(output).strip().splitlines()
    return f"its last lines: {' | '.join(lines)}" if lines else "it wrote nothing"
