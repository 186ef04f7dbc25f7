"""One command inside a running container."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from datetime import timedelta

from docker import DockerClient
from docker.utils.socket import frames_iter_no_tty

from pratique.clients.engine.errors import translated
from pratique.scrub import redactor

OUTPUT_LIMIT = 4096
"""Bytes of output that are kept."""
TIMED_OUT = 124
"""The exit status of a command that did not end in time, as timeout(1) has it."""
_PAUSE = 0.02


def execute_in(engine: DockerClient, container: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
    """Exit status and the first output of the command, run without a shell.

    An engine cannot end what it has started inside a container: a command that takes too long may go on without us.
    """
    with translated(f"run {command[0]} in container {container[:12]}"):
        execution = engine.api.exec_create(container, list(command))["Id"]
        connection = engine.api.exec_start(execution, socket=True)
        raw = getattr(connection, "_sock", connection)
        overdue = threading.Event()
        deadline = threading.Timer(timeout.total_seconds(), _hang_up, [raw, overdue])
        deadline.daemon = True
        deadline.start()
        output = bytearray()
        try:
            for _, frame in frames_iter_no_tty(connection):
                if isinstance(frame, bytes):  # docker-py's types allow for text, which Windows' named pipes give
                    output += frame[: OUTPUT_LIMIT - len(output)]
            # The output ends a moment before the engine has noticed the end of the command, or long before it.
            while (result := engine.api.exec_inspect(execution))["Running"] and not overdue.wait(_PAUSE):
                continue
        finally:
            deadline.cancel()
            # Both: the file that docker-py gives out, and the socket below it, which it leaves open.
            connection.close()
            raw.close()
    # The end of a long output was cut off, maybe within a secret.
    text = redactor().cut(output.decode(errors="replace")).strip()
    if result["Running"]:
        return TIMED_OUT, f"it did not end within {timeout.total_seconds():g} s {text}".rstrip()
    return int(result["ExitCode"]), text


def _hang_up(raw: socket.socket, overdue: threading.Event) -> None:
    """End the reading of a connection, over which a silent command would hold us."""
    overdue.set()
    try:
        raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # It has ended by itself at this very moment.
