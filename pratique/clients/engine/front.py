"""The front: the one container of a place that is published, and the switch between the old container and the new.

It is HAProxy in TCP mode, so it knows nothing of what passes through. It reloads at a signal: a new worker takes the
listening socket over, the old one lets its connections finish. Its files are in a volume, so that it can be replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from docker import DockerClient
from docker.models.containers import Container
from docker.types import LogConfig, Mount

from pratique.clients.engine import front_log
from pratique.clients.engine.container import RESTART_POLICY
from pratique.clients.engine.errors import PortTaken, translated
from pratique.clients.engine.files import read_files, write_file
from pratique.clients.engine.front_files import (
    CONFIGURATION,
    LISTEN,
    RECORD,
    Backend,
    FrontRecord,
    configuration,
    parse_record,
    routed_to,
)
from pratique.clients.engine.image import require_image
from pratique.clients.engine.place import FRONT_ROLE, Place
from pratique.errors import FenceLost, Refused, footnote
from pratique.values._base import Value
from pratique.values.digest import digest_of

_FOLDER = "/pratique"
_FIRST_PORT, _PORTS = 20000, 10000
"""Ports that are picked where none is asked for: below those that Linux gives to outgoing connections."""
_TRIES = 50
_HARDENED: Mapping[str, Any] = {
    "user": "65532:65532",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "mem_limit": "128m",
    "pids_limit": 64,
    "restart_policy": RESTART_POLICY,
    # HAProxy's images stop gracefully, which waits for connections; what was to be drained has been by then.
    "stop_signal": "SIGTERM",
    # Its own words are read back, whatever the engine's default does with logs.
    "log_config": LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"}),
    "use_config_proxy": False,
}


class FrontView(Value):
    """The front as it is."""

    port: int
    """On the host."""
    running: bool
    routed: str
    """The container its configuration names."""
    record: FrontRecord

    @property
    def serving(self) -> str:
        """The container that traffic was last seen to reach; empty where nothing does."""
        return self.record.serving if self.running else ""

    @property
    def settled(self) -> bool:
        """Whether no switch was left half done."""
        return self.routed == self.record.serving


class Front:
    """The front of one place."""

    def __init__(self, engine: DockerClient, place: Place, *, image: str, bind: str) -> None:
        self._engine, self._place, self._image, self._bind = engine, place, image, bind

    def look(self) -> FrontView | None:
        """How it is; None where there is none."""
        found = self._found()
        return _view(found[0]) if found else None

    def prepare(self, publish: int) -> FrontView:
        """How it is, created but not started where there was none."""
        found = self._found()
        if not found:
            require_image(self._engine, self._image, auth=None)
            return _view(self._create(publish or self._first_port()))
        # A run that was killed while it replaced the front has left two.
        for leftover in found[1:]:
            _remove(leftover)
        return _view(found[0])

    def claim(self, fence: int) -> None:
        """Let the fence be known here, so that an older holder of the environment is refused from now on."""
        container = self._required()
        _record(container, _view(container).record.model_copy(update={"fence": fence}))

    def require_fence(self, fence: int) -> None:
        """`FenceLost` where a newer holder of the environment has been here since."""
        seen = _view(self._required()).record.fence
        if seen > fence:
            raise FenceLost(f"{self._place}: fence {seen} came while we ({fence}) worked: it goes on from here")

    def route(self, backend: Backend, *, publish: int, drain: timedelta, fence: int) -> None:
        """Let new connections reach `backend`, published at `publish` (0: where it is); those that are open stay as they are.

        Refused where HAProxy or the host cannot do it: then everything is as it was.
        """
        container = self._required()
        was_running = container.status == "running"
        before = read_files(container, _FOLDER).get(CONFIGURATION, b"")
        write_file(container, _FOLDER, CONFIGURATION, configuration(self._place, backend, drain))
        try:
            loaded = self._load(container, publish)
        except Refused as failure:
            with footnote(failure, "bring back what was there before"):
                container = self._required()
                write_file(container, _FOLDER, CONFIGURATION, before)
                # It had to make room for one that did not start.
                if was_running and container.status != "running":
                    self._start(container)
            raise
        _record(loaded, FrontRecord(fence=fence, serving=backend.container))

    def drain(self, within: timedelta) -> bool:
        """Wait until no connection from before the last switch is left; False where some outlast `within`."""
        found = self._found()
        return not found or front_log.await_drained(found[0], within)

    def _load(self, container: Container, publish: int) -> Container:
        """Let the configuration take effect; the container that has it, which is another one where it is published anew."""
        # One that was published elsewhere, as on all interfaces, is replaced as one with another port is.
        placed = publish in (0, _port(container)) and _interface(container) == self._bind
        fits = container.attrs["Config"]["Image"] == self._image and placed
        if fits and container.status == "running":
            mark = front_log.mark(container)
            with translated(f"signal {container.name}"):
                container.kill(signal="SIGUSR2")
            front_log.await_loaded(container, mark)
            return container
        if fits and container.attrs["State"]["StartedAt"].startswith("0001-"):
            return self._start_somewhere(container, picked=publish == 0)
        if fits:
            self._start(container)
            return container
        return self._replace(container, publish or _port(container))

    def _start_somewhere(self, container: Container, *, picked: bool) -> Container:
        """Start it for the first time; a port that was picked, not asked for, may be another one where it is taken."""
        for _ in range(_TRIES if picked else 1):
            try:
                self._start(container)
            except PortTaken:
                if not picked:
                    raise
                port = _FIRST_PORT + (_port(container) + 1 - _FIRST_PORT) % _PORTS
                _remove(container)
                container = self._create(port)
            else:
                return container
        raise Refused(f"no free port for {self._place} among {_TRIES}: set `publish` in its workload")

    def _replace(self, old: Container, port: int) -> Container:
        """Start another front instead; the old one goes when the new one runs, and is still there where it does not."""
        require_image(self._engine, self._image, auth=None)
        new = self._create(port)
        if _port(old) == port:
            with translated(f"stop {old.name}"):
                old.stop(timeout=1)
        try:
            self._start(new)
        except Refused as failure:
            with footnote(failure, f"remove {new.name}"):
                _remove(new)
            raise
        _remove(old)
        return new

    def _start(self, container: Container) -> None:
        mark = front_log.mark(container)
        with translated(f"start {container.name} on port {_port(container)}"):
            container.start()
            container.reload()
        front_log.await_loaded(container, mark)

    def _found(self) -> list[Container]:
        """The front, first the one that runs."""
        found = self._place.containers(self._engine, FRONT_ROLE)
        return sorted(found, key=lambda container: container.status != "running")

    def _required(self) -> Container:
        found = self._found()
        if not found:
            raise Refused(f"the front of {self._place} is gone: is somebody else at work there? Run it again")
        return found[0]

    def _first_port(self) -> int:
        """A port that is the same each time for the same place, and rarely another place's."""
        number = int.from_bytes(hashlib.sha256(self._place.name.encode()).digest()[:4])
        return _FIRST_PORT + number % _PORTS

    def _create(self, port: int) -> Container:
        name = f"{self._place.name}-front"
        labels = self._place.labels(FRONT_ROLE)
        with translated(f"create the front of {self._place}"):
            volume = self._engine.volumes.create(name, labels=labels)
            self._place.require_ours(f"volume {name}", volume.attrs.get("Labels"))
            return self._engine.containers.create(
                self._image,
                # Another image, port or interface is another name: the new front can be made while the old one is there.
                name=f"{name}-{digest_of(f'{self._image} {port} {self._bind}'.encode())[7:15]}",
                labels=labels,
                # `-W`: a master that survives reloads; `-db`: in the foreground.
                entrypoint=["haproxy"],
                command=["-W", "-db", "-f", f"{_FOLDER}/{CONFIGURATION}"],
                network=self._place.name,
                ports={f"{LISTEN}/tcp": (self._bind, port)},
                mounts=[Mount(_FOLDER, name, type="volume")],
                **_HARDENED,
            )


def _view(container: Container) -> FrontView:
    files = read_files(container, _FOLDER)
    return FrontView(
        port=_port(container),
        running=container.status == "running",
        routed=routed_to(files.get(CONFIGURATION, b"")),
        record=parse_record(files.get(RECORD, b"")),
    )


def _record(container: Container, record: FrontRecord) -> None:
    write_file(container, _FOLDER, RECORD, record.model_dump_json().encode())


def _port(container: Container) -> int:
    return int(container.attrs["HostConfig"]["PortBindings"][f"{LISTEN}/tcp"][0]["HostPort"])


def _interface(container: Container) -> str:
    return str(container.attrs["HostConfig"]["PortBindings"][f"{LISTEN}/tcp"][0]["HostIp"])


def _remove(container: Container) -> None:
    with translated(f"remove {container.name}"):
        container.remove(force=True)
