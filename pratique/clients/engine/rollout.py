"""The steps of one blue-green deployment, each done on a Docker host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from pratique.clients.engine.container import names_of, options_of
from pratique.clients.engine.errors import translated
from pratique.clients.engine.front import Front
from pratique.clients.engine.front_files import Backend
from pratique.clients.engine.image import require_image
from pratique.clients.engine.network import address_of
from pratique.clients.engine.place import ALIAS, PORT, Place
from pratique.clients.engine.ready import await_ready
from pratique.clients.ports import Log
from pratique.clients.registry import Credentials
from pratique.decisions.blue_green import Step
from pratique.errors import FenceLost, Refused, footnote
from pratique.scrub import redactor
from pratique.values.workload import DesiredWorkload

_STOPS_WITHIN = 10
"""Seconds between asking a container to end and ending it."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One deployment at one place, under one fence."""

    engine: DockerClient
    place: Place
    front: Front
    desired: DesiredWorkload
    secrets: Mapping[str, str] = field(repr=False)
    fence: int
    log: Log
    registry: str
    credentials: Credentials | None

    def settle(self, containers: Sequence[Container]) -> bool:
        """Bring a switch that a killed run left half done to an end; False where there was none.

        Its outcome is unknown, so it is done again: to the new container if that still runs, else back to the old one.
        """
        view = self.front.look()
        if view is None or view.settled:
            return False
        for wanted in (view.routed, view.record.serving):
            for container in containers:
                if container.id == wanted and container.status == "running":
                    self.log(f"{self.place}: an earlier run was killed while it switched; traffic goes to {container.name}")
                    self._switch(container, publish=0)
                    return True
        return False

    def act(self, steps: Sequence[Step], containers: Sequence[Container]) -> None:
        """Do the steps, in this order; `containers` are those that the steps were decided on."""
        known = {str(container.id): container for container in containers}
        for step in steps:
            match step.action:
                case "start":
                    known[step.container] = self._start(known.values())
                case "await":
                    self._await(known[step.container])
                case "switch":
                    self._switch_or_remove(known[step.container])
                case "retire":
                    self._retire(known[step.container])
                case "remove":
                    self.log(f"{self.place}: removing {known[step.container].name}, which an earlier run left")
                    self._remove(known[step.container])

    def _start(self, present: Iterable[Container]) -> Container:
        image = f"{self.registry}/{self.desired.image}"
        require_image(self.engine, image, auth=self.credentials)
        taken = {container.name for container in present}
        # One that serves but is ill has the first name, while its healthy double is made.
        names = (names_of(self.desired, self.place, number) for number in count(1))
        name, alias = next(pair for pair in names if pair[0] not in taken)
        endpoint = self.engine.api.create_endpoint_config(aliases=[alias])
        with translated(f"create {name}"):
            stop_signal = self.engine.images.get(image).attrs["Config"].get("StopSignal") or ""
            container = self.engine.containers.create(
                image,
                name=name,
                network=self.place.name,
                networking_config={self.place.name: endpoint},
                **options_of(self.desired, self.secrets, self.fence, alias, self.place, stop_signal=stop_signal),
            )
        self.log(f"{self.place}: starting {name} from {image}")
        try:
            with translated(f"start {name}"):
                container.start()
        except Refused as failure:
            self._remove_after(failure, container)
            raise
        return container

    def _await(self, container: Container) -> None:
        try:
            await_ready(self.engine, container, self.desired.section, redactor(*self.secrets.values()))
        except Refused as failure:
            self.log(f"{self.place}: {container.name} did not become ready and is removed; what served before still does")
            self._remove_after(failure, container)
            raise

    def _switch_or_remove(self, container: Container) -> None:
        try:
            self._switch(container, publish=self.desired.section.publish)
        except FenceLost:
            # The newer holder has seen this container and decides about it.
            raise
        except Refused as failure:
            self._remove_after(failure, container)
            raise
        self.log(f"{self.place}: traffic goes to {container.name}")

    def _switch(self, container: Container, *, publish: int) -> None:
        self.front.require_fence(self.fence)
        backend = Backend(
            container=str(container.id),
            alias=str(container.labels[ALIAS]),
            address=address_of(container, self.place),
            port=int(container.labels[PORT]),
        )
        self.front.route(backend, publish=publish, drain=self.desired.section.drain, fence=self.fence)

    def _retire(self, container: Container) -> None:
        if not self.front.drain(self.desired.section.drain):
            self.log(f"{self.place}: some connections to {container.name} outlast the drain and are cut")
        with translated(f"stop {container.name}"), suppress(NotFound):
            container.stop(timeout=_STOPS_WITHIN)
        self._remove(container)
        self.log(f"{self.place}: {container.name} is gone")

    def _remove_after(self, failure: Refused, container: Container) -> None:
        with footnote(failure, f"remove {container.name}, which the next deployment does"):
            self._remove(container)

    def _remove(self, container: Container) -> None:
        with translated(f"remove {container.name}"), suppress(NotFound):
            container.remove(force=True, v=True)
