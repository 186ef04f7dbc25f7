"""Runs a module in a process forked by the warm server: `python -I -S -E launch.py SOCKET MODULE [ARGUMENT …]`.

`SOCKET` is a path, or `$NAME` for the path that a variable holds: workers of one pool then need not agree on it.
In the folder `<SOCKET>.runs`, where there is one, each flow run has a file while it lives, for a worker that comes up again.

Only the standard library's quickest parts are imported, for this file is what a start costs.
Without a server it becomes the ordinary cold start, so a server that died or grew stale slows runs down and stops none.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGTERM, signal.SIGINT)

WARM, COLD = b"\x01", b"\x00"
"""The server's first answer: forked, or to be started cold, because its code is no longer the code on disk."""


def start_cold(module: str, arguments: list[str]) -> None:
    """Become the process that the worker would have started itself."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  # no shell is the point


def main(arguments: list[str]) -> int:
    """Exit status of the child; 128 + N where signal N ended it, as shells say it."""
    path, module, *rest = arguments
    if path.startswith("$"):
        path = os.environ.get(path[1:], "")
    note = os.path.join(path + ".runs", os.environ.get("PREFECT__FLOW_RUN_ID", "unknown"))  # noqa: PTH118
    try:
        os.close(os.open(note, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        # Nobody keeps notes here.
        return _run(path, module, rest)
    status = _run(path, module, rest)
    os.unlink(note)  # noqa: PTH108
    return status


def _run(path: str, module: str, rest: list[str]) -> int:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        start_cold(module, rest)
    for number in PASSED_ON:
        signal.signal(number, lambda received, _frame: connection.sendall(bytes([received])))
    folder = os.getcwd()  # noqa: PTH109  # importing pathlib would double the time a start takes, here and above
    request = json.dumps({"module": module, "arguments": rest, "environment": dict(os.environ), "folder": folder}).encode()
    socket.send_fds(connection, [len(request).to_bytes(4, "big")], [sys.stdout.fileno(), sys.stderr.fileno()])
    connection.sendall(request)
    if connection.recv(1) == COLD:
        start_cold(module, rest)
    answer = connection.recv(1)
    # An empty answer: the server died, and its children with it.
    return answer[0] if answer else 128 + signal.SIGKILL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
