"""The recording target: a host for workloads that runs nothing and writes down who did what, when, under which fence.

    python -m tests.recording.target PORT LOG

One connection is one holder at work. Whoever is killed loses it at once, so the log has its end, too:

    enter     a deployment begins under a fence                    leave     … and has ended
    write     the workload is another one from now on              gone      its process died before it could leave
    refused   a lower fence than the place has seen: at once, or late, when a holder that was taken over from comes to write
    same      nothing was to be written

What a deployment comes to is decided as on a real host (`tests.fakes.engine` keeps the contract of `Workloads`).
Each line is one JSON object; `at` is the target's own clock, in seconds.
"""

from __future__ import annotations

import itertools
import json
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pratique.decisions.blue_green import decide
from pratique.errors import FenceLost, Refused
from pratique.values.workload import DesiredWorkload, WorkloadState
from tests.fakes.engine import FakeWorkloads


class RecordingTarget(socketserver.ThreadingTCPServer):
    """Serves until shut down; `host` is what it holds."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, log: Path) -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.host = FakeWorkloads()
        self.turn = threading.Lock()
        self._log = log.open("a", buffering=1)
        self.connections = itertools.count(1)

    def server_close(self) -> None:
        super().server_close()
        self._log.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def record(self, what: str, connection: int, place: Mapping[str, Any]) -> None:
        """One line; the caller has the turn, so that lines stand in the order in which things happened."""
        self._log.write(json.dumps({"at": time.monotonic(), "what": what, "connection": connection, **place}) + "\n")

    def see(self, desired: DesiredWorkload, fence: int) -> bool:
        """Whether anything is to be written; from now on nobody with a lower fence may."""
        place = desired.service, desired.environment
        state = self.host.look(*place)
        deployment = decide(state, desired, fence)
        self.host.places[place] = state.model_copy(update={"fence": fence})
        return bool(deployment.steps)


class _Conversation(socketserver.StreamRequestHandler):
    server: RecordingTarget

    def handle(self) -> None:
        number = next(self.server.connections)
        while (request := self._next()) is not None:
            match request.pop("do"):
                case "look":
                    with self.server.turn:
                        self._answer(self.server.host.look(**request))
                case "remove":
                    with self.server.turn:
                        self.server.host.remove(**request)
                        self.server.record("remove", number, request)
                    self._say({})
                case "execute":
                    self._execute(**request)
                case "deploy":
                    self._deploy(number, **request)

    def _execute(self, service: str, environment: str, command: list[str], timeout: float) -> None:
        try:
            with self.server.turn:
                status, output = self.server.host.execute(service, environment, command, timedelta(seconds=timeout))
        except Refused as no:
            self._say({"refused": list(no.reasons)})
        else:
            self._say({"status": status, "output": output})

    def _deploy(self, number: int, desired: dict[str, Any], secrets: dict[str, str], fence: int) -> None:
        wanted = DesiredWorkload.model_validate(desired)
        place = {"service": wanted.service, "environment": wanted.environment, "release": wanted.release, "fence": fence}
        told: list[str] = []

        def record(what: str, **more: Any) -> None:
            self.server.record(what, number, {**place, **more})

        with self.server.turn:
            try:
                to_do = self.server.see(wanted, fence)
            except FenceLost as no:
                record("refused", late=False)
                self._say({"fence": list(no.reasons)})
                return
            record("enter")
        self._say({"work": to_do})
        if self._next() is None:
            with self.server.turn:
                record("gone")
            return
        with self.server.turn:
            try:
                state = self.server.host.deploy(wanted, secrets, fence, told.append)
            except FenceLost as no:
                record("refused", late=True)
                self._say({"fence": list(no.reasons)})
                return
            except Refused as no:
                record("leave")
                self._say({"refused": list(no.reasons)})
                return
            record("write" if to_do else "same")
        self._say({"state": state.model_dump(mode="json"), "told": told})
        left = self._next() is not None
        with self.server.turn:
            record("leave" if left else "gone")
        if left:
            self._say({})

    def _answer(self, state: WorkloadState) -> None:
        self._say({"state": state.model_dump(mode="json")})

    def _say(self, content: dict[str, Any]) -> None:
        try:
            self.wfile.write(json.dumps(content).encode() + b"\n")
        except OSError:
            # Whoever asked is gone, which the next reading finds out.
            return

    def _next(self) -> dict[str, Any] | None:
        try:
            line = self.rfile.readline()
        except OSError:
            return None
        found: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return found


if __name__ == "__main__":
    RecordingTarget(int(sys.argv[1]), Path(sys.argv[2])).serve_forever()
