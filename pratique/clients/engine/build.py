"""The port `Builder` over a Docker Engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient

from pratique.clients.engine.buildkit import build_with_secrets
from pratique.clients.engine.classic import build_classic
from pratique.clients.engine.connect import connect
from pratique.clients.engine.export import export_image
from pratique.clients.engine.progress import Progress
from pratique.clients.ports import ImageBuild, Log, OciImage
from pratique.scrub import redactor


class EngineBuilder:
    """Builds with the engine's own builder, or, where a build has secrets, with BuildKit."""

    def __init__(self, engine: DockerClient, address: str, tls: Path | None = None, *, cache: bool = True) -> None:
        self._engine, self._address, self._tls, self._cache = engine, address, tls, cache

    def build(self, build: ImageBuild, secrets: Mapping[str, str], log: Log) -> str:
        """The id of the image built."""
        progress = Progress(build, log, redactor(*secrets.values()))
        if secrets:
            return build_with_secrets(self._address, self._tls, build, secrets, progress, cache=self._cache)
        return build_classic(self._engine, build, progress, cache=self._cache)

    def export(self, image_id: str, build: ImageBuild, folder: Path) -> OciImage:
        """The image as OCI content; `folder` holds its layers."""
        return export_image(self._engine, image_id, build, folder)


@contextmanager
def open_builder(address: str, tls: Path | None = None, *, cache: bool = True) -> Iterator[EngineBuilder]:
    """The builder at the engine's address; without `cache` every step runs again."""
    with connect(address, tls) as engine:
        yield EngineBuilder(engine, address, tls, cache=cache)
