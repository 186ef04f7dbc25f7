"""A Docker Engine that builds, and a Docker host that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from pratique.clients.ports.log import Log
from pratique.clients.ports.registry import OciImage
from pratique.values._base import Value
from pratique.values.commit import Commit
from pratique.values.manifest import ImageSection
from pratique.values.workload import DesiredWorkload, WorkloadState


class ImageBuild(Value):
    """What is needed to build one image."""

    service: str
    commit: Commit
    section: ImageSection
    context: bytes
    """The tar archive of the build context at the commit."""


class Builder(Protocol):
    """A Docker Engine that builds."""

    def build(self, build: ImageBuild, secrets: Mapping[str, str], log: Log) -> str:
        """The id of the image built."""
        ...

    def export(self, image_id: str, build: ImageBuild, folder: Path) -> OciImage:
        """The image as OCI content, times set to the commit's, annotations (source, revision, created) filled in."""
        ...


class Workloads(Protocol):
    """A Docker host that runs containers."""

    def look(self, service: str, environment: str) -> WorkloadState:
        """What runs now."""
        ...

    def deploy(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, log: Log) -> WorkloadState:
        """What runs after the blue-green switch; nothing is done where the desired workload serves already."""
        ...

    def execute(self, service: str, environment: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        """Exit status and output of `command` inside the serving container."""
        ...

    def remove(self, service: str, environment: str) -> None:
        """Take everything of the service out of the environment; harmless where nothing is."""
        ...
