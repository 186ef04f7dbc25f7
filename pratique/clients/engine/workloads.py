"""The port `Workloads` over a Docker host: blue-green, look → decide → act.

`pratique.decisions.blue_green` decides; here is how to look, and how each step is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from docker import DockerClient
from docker.models.containers import Container

from pratique.clients.engine.connect import connect
from pratique.clients.engine.container import remember_secrets
from pratique.clients.engine.execute import execute_in
from pratique.clients.engine.front import Front
from pratique.clients.engine.network import require_network
from pratique.clients.engine.place import FENCE, RELEASE, SPECIFICATION, WORKLOAD_ROLE, Place
from pratique.clients.engine.removal import remove_everything
from pratique.clients.engine.rollout import Rollout
from pratique.clients.ports import Log
from pratique.clients.registry import Credentials
from pratique.decisions.blue_green import decide
from pratique.errors import Refused
from pratique.settings import DockerTarget, RegistrySettings
from pratique.values.host import host_and_port, interface_for
from pratique.values.workload import DesiredWorkload, RunningContainer, WorkloadState

_ROUNDS = 4
"""How often is looked again: after a switch that was left half done, after the steps, and once more."""


class DockerWorkloads:
    """Runs workloads on one Docker host."""

    def __init__(
        self,
        engine: DockerClient,
        target: DockerTarget,
        registry: str,
        *,
        credentials: Credentials | None = None,
    ) -> None:
        """`registry` is its address as the host sees it; `credentials` are ours there."""
        self._engine, self._target, self._registry = engine, target, registry
        self._credentials = credentials

    def look(self, service: str, environment: str) -> WorkloadState:
        """What runs now; nothing is touched."""
        place = self._place(service, environment)
        view = self._front(place).look()
        serving = view.serving if view else ""
        containers = self._containers(place)
        for container in containers:
            # What checks and commands will show may hold them, and whoever looks again has read nothing from Vault.
            remember_secrets(container.attrs)
        found = tuple(_described(container, serving) for container in containers)
        return WorkloadState(
            containers=found,
            address=host_and_port(self._target.address, view.port) if view and any(one.serving for one in found) else "",
            fence=max([view.record.fence if view else 0, *(one.fence for one in found)]),
        )

    def deploy(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, log: Log) -> WorkloadState:
        """What runs after the blue-green switch; nothing is done where the desired workload serves already.

        Refused, with the old container still serving, where the new one does not become ready. Secrets count by
        reference: another value under the same reference is another release's, or another version's, to bring.
        """
        place = self._place(desired.service, desired.environment)
        front = self._front(place)
        rollout = Rollout(self._engine, place, front, desired, secrets, fence, log, self._registry, self._credentials)
        for attempt in range(_ROUNDS):
            state = self.look(desired.service, desired.environment)
            deployment = decide(state, desired, fence)
            if attempt == 0:
                require_network(self._engine, place)
                if front.prepare(desired.section.publish).record.fence < fence:
                    front.claim(fence)
            if rollout.settle(self._containers(place)):
                continue
            if not deployment.steps:
                log(f"{place}: {deployment.reason}" if attempt == 0 else f"{place}: serving at {state.address}")
                return state.model_copy(update={"fence": max(state.fence, fence)})
            rollout.act(deployment.steps, self._containers(place))
        raise Refused(
            f"{place}: the workload does not stay as it was deployed: is its health check failing, or somebody at work?"
        )

    def execute(self, service: str, environment: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        """Exit status and output (4 KiB at most) of `command` inside the serving container; 124 where it takes too long."""
        serving = self.look(service, environment).serving
        if serving is None:
            raise Refused(f"nothing serves {service} in {environment}: deploy a release first")
        return execute_in(self._engine, serving.id, command, timeout)

    def remove(self, service: str, environment: str) -> None:
        """Take everything of the service out of the environment: containers, network, volume; harmless where nothing is."""
        remove_everything(self._engine, self._place(service, environment).marks)

    def _place(self, service: str, environment: str) -> Place:
        return Place(service=service, environment=environment, stack=self._target.stack)

    def _front(self, place: Place) -> Front:
        return Front(self._engine, place, image=self._target.front_image, bind=interface_for(self._target.address))

    def _containers(self, place: Place) -> list[Container]:
        return place.containers(self._engine, WORKLOAD_ROLE)


@contextmanager
def open_workloads(
    target: DockerTarget, registry: RegistrySettings, *, credentials: Credentials | None = None
) -> Iterator[DockerWorkloads]:
    """The workloads of a target; `credentials` are the registry's."""
    with connect(target.engine, target.tls) as engine:
        yield DockerWorkloads(engine, target, target.registry or registry.address, credentials=credentials)


def _described(container: Container, serving: str) -> RunningContainer:
    state = container.attrs["State"]
    ill = state.get("Health", {}).get("Status") == "unhealthy"
    return RunningContainer(
        id=str(container.id),
        release=container.labels.get(RELEASE, ""),
        specification=container.labels.get(SPECIFICATION, ""),
        fence=int(container.labels.get(FENCE, "0")),
        healthy=state["Status"] == "running" and not ill,
        serving=container.id == serving,
    )
