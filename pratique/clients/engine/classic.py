"""Building with the engine's own builder, the one that docker-py speaks to.

Every engine from 20.10 to 29 has it; it knows no build secrets: what is given to it stays in a layer or in the history.
"""

from __future__ import annotations

import io

from docker import DockerClient

from pratique.clients.engine.arguments import build_arguments, commit_annotations
from pratique.clients.engine.context import context_of
from pratique.clients.engine.errors import translated
from pratique.clients.engine.progress import Progress
from pratique.clients.ports import ImageBuild

SILENCE = 1800
"""Seconds in which a build may say nothing: a compiler's longest breath."""


def build_classic(engine: DockerClient, build: ImageBuild, progress: Progress, *, cache: bool) -> str:
    """The id of the image built."""
    image_id = error = ""
    with translated(f"build {build.service}: image {build.section.name}"):
        events = engine.api.build(
            fileobj=io.BytesIO(context_of(build)),
            custom_context=True,
            dockerfile=build.section.dockerfile,
            target=build.section.target or "",
            buildargs=build_arguments(build),
            labels=commit_annotations(build),
            nocache=not cache,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=SILENCE,
        )
        for event in events:
            # It is the last event, but the stream is read to its end: only then does docker-py let the connection go.
            error = str(event.get("error", error))
            image_id = str(event.get("aux", {}).get("ID", image_id))
            # "status" tells of base images that are pulled; its progress bars are left out.
            text = event.get("stream") or ("" if "progressDetail" in event else event.get("status", ""))
            for line in text.splitlines():
                progress.line(line)
    if error or not image_id:
        raise progress.failure(error or "the engine ended the build without an image")
    return image_id
