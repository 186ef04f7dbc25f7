"""`Workloads` on a recording target: nothing runs there, and a deployment takes as long as it is told to."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from pratique.clients.pauses import pause
from pratique.clients.ports import Log
from pratique.errors import FenceLost, Refused, Transient
from pratique.values.workload import DesiredWorkload, WorkloadState


class RecordingWorkloads:
    """A connection to the target at `address`; a deployment that changes something works for `seconds` before it writes."""

    def __init__(self, address: str, seconds: float = 0.0) -> None:
        self._address, self._seconds = address, seconds

    def __enter__(self) -> Self:
        host, _, port = self._address.partition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=60)
        except OSError as error:
            raise Transient(f"the recording target at {self._address} does not answer ({type(error).__name__})") from None
        self._stream = self._socket.makefile("rwb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()
        self._socket.close()

    def look(self, service: str, environment: str) -> WorkloadState:
        return WorkloadState.model_validate(self._ask("look", service=service, environment=environment)["state"])

    def deploy(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, log: Log) -> WorkloadState:
        entered = self._ask("deploy", desired=desired.model_dump(mode="json"), secrets=dict(secrets), fence=fence)
        if entered["work"]:
            pause(self._seconds)
        written = self._ask("write")
        for line in written["told"]:
            log(line)
        self._ask("leave")
        return WorkloadState.model_validate(written["state"])

    def execute(self, service: str, environment: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        asked = {"service": service, "environment": environment, "command": list(command), "timeout": timeout.total_seconds()}
        answer = self._ask("execute", **asked)
        return answer["status"], answer["output"]

    def remove(self, service: str, environment: str) -> None:
        self._ask("remove", service=service, environment=environment)

    def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        try:
            self._stream.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        except OSError as error:
            raise Transient(f"the recording target at {self._address} went away ({type(error).__name__})") from None
        if not line:
            raise Transient(f"the recording target at {self._address} went away")
        answer: dict[str, Any] = json.loads(line)
        if "fence" in answer:
            raise FenceLost(*answer["fence"])
        if "refused" in answer:
            raise Refused(*answer["refused"])
        return answer
