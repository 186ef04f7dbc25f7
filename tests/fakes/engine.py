"""A Docker Engine in memory: one that builds, and one that runs workloads."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from pratique.clients.engine.arguments import build_arguments, commit_annotations, created, title
from pratique.clients.engine.container import environment_of
from pratique.clients.engine.context import context_of
from pratique.clients.engine.image_config import portable_config
from pratique.clients.engine.layers import MEDIA_TYPE
from pratique.clients.ports import ImageBuild, LayerFile, Log, OciImage
from pratique.decisions.blue_green import Step, decide
from pratique.errors import Refused
from pratique.scrub import redactor
from pratique.values.digest import digest_of
from pratique.values.workload import DesiredWorkload, RunningContainer, WorkloadState

_KNOWN = ("FROM scratch", "COPY", "ENV", "ARG", "USER", "ENTRYPOINT", "CMD", "EXPOSE", "RUN --mount")


@dataclass
class FakeBuilder:
    """Copies the context into one layer; a step that it does not know fails, as `RUN` without a shell does."""

    built: dict[str, ImageBuild] = field(default_factory=dict)

    def build(self, build: ImageBuild, secrets: Mapping[str, str], log: Log) -> str:
        context = context_of(build)
        with tarfile.open(fileobj=io.BytesIO(context)) as archive:
            source = archive.extractfile(build.section.dockerfile)
            assert source is not None
            steps = [line for line in source.read().decode().splitlines() if line.strip() and not line.startswith("#")]
        redact = redactor(*secrets.values())
        for number, step in enumerate(steps, start=1):
            line = redact(f"Step {number}/{len(steps)} : {step}")
            log(line)
            if not step.startswith(_KNOWN):
                raise Refused(f"{build.service}: image {build.section.name} does not build: {line} failed")
        identity = hashlib.sha256(context + repr(sorted(build_arguments(build).items())).encode()).hexdigest()
        self.built[f"sha256:{identity}"] = build
        return f"sha256:{identity}"

    def export(self, image_id: str, build: ImageBuild, folder: Path) -> OciImage:
        if image_id not in self.built:
            raise Refused(f"the engine did not export image {image_id}: No such image (push the image first)")
        plain = context_of(build)
        content = gzip.compress(plain, mtime=0)
        digest = digest_of(content)
        file = folder / f"{digest.removeprefix('sha256:')}.tar.gz"
        file.write_bytes(content)
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Labels": commit_annotations(build),
                "Env": [f"{name}={value}" for name, value in build_arguments(build).items()],
            },
        }
        return OciImage(
            config=portable_config(config, [digest_of(plain)], created(build)),
            layers=(LayerFile(media_type=MEDIA_TYPE, digest=digest, size=len(content), file=file),),
            annotations={**commit_annotations(build), **title(build)},
        )


Execution = Callable[[str, Sequence[str], timedelta], tuple[int, str]]


@dataclass
class FakeWorkloads:
    """Containers in memory, moved by the same decision as the real ones."""

    never_ready: set[str] = field(default_factory=set)
    """Commits whose containers do not become ready."""
    failing: list[Exception] = field(default_factory=list)
    """What the next calls of `deploy` raise, one each, before they do anything."""
    execution: Execution = lambda container, command, timeout: (0, "")
    """What a command inside the serving container comes to."""
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    """Container → its environment variables."""
    places: dict[tuple[str, str], WorkloadState] = field(default_factory=dict)
    deployed: list[DesiredWorkload] = field(default_factory=list)
    """What was started, in order."""

    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def look(self, service: str, environment: str) -> WorkloadState:
        return self.places.get((service, environment), WorkloadState())

    def deploy(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, log: Log) -> WorkloadState:
        if self.failing:
            raise self.failing.pop(0)
        place = desired.service, desired.environment
        state = self.look(*place)
        deployment = decide(state, desired, fence)
        self._keep(place, state.model_copy(update={"fence": fence}), state.containers)
        if not deployment.steps:
            log(f"{desired.service} in {desired.environment}: {deployment.reason}")
        new = self._start(desired, secrets, fence) if Step(action="start") in deployment.steps else ""
        for step in deployment.steps:
            self._act(step.model_copy(update={"container": step.container or new}), place, desired)
        return self.look(*place)

    def execute(self, service: str, environment: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        serving = self.look(service, environment).serving
        if serving is None:
            raise Refused(f"nothing serves {service} in {environment}: deploy a release first")
        return self.execution(serving.id, command, timeout)

    def remove(self, service: str, environment: str) -> None:
        self.places.pop((service, environment), None)

    def _start(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int) -> str:
        container = hashlib.sha256(str(next(self._ids)).encode()).hexdigest()
        self.deployed.append(desired)
        self.environments[container] = environment_of(desired, secrets)
        state = self.look(desired.service, desired.environment)
        started = RunningContainer(
            id=container,
            release=desired.release,
            specification=desired.specification,
            fence=fence,
            healthy=desired.commit not in self.never_ready,
            serving=False,
        )
        self._keep((desired.service, desired.environment), state, [*state.containers, started])
        return container

    def _act(self, step: Step, place: tuple[str, str], desired: DesiredWorkload) -> None:
        state = self.look(*place)
        others = [one for one in state.containers if one.id != step.container]
        match step.action:
            case "await" if not all(one.healthy for one in state.containers if one.id == step.container):
                self._keep(place, state, others)
                raise Refused(f"{desired.service} in {desired.environment}: the new container was not ready in time")
            case "switch":
                state = state.model_copy(update={"address": f"127.0.0.1:{desired.section.publish or 20000}"})
                switched = [one.model_copy(update={"serving": one.id == step.container}) for one in state.containers]
                self._keep(place, state, switched)
            case "retire" | "remove":
                self._keep(place, state, others)

    def _keep(self, place: tuple[str, str], state: WorkloadState, containers: Sequence[RunningContainer]) -> None:
        self.places[place] = state.model_copy(update={"containers": tuple(containers)})
