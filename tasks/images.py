"""Images: built from the commit, pushed by digest."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from pratique.bootstrap import clients
from pratique.clients.ports import ImageBuild
from pratique.values.build import BuiltImage, PushedImage
from pratique.values.commit import Commit
from pratique.values.manifest import ImageSection
from pratique.values.references import ImageReference
from pratique.values.release import ReleasedImage, image_repository
from tasks._retries import RETRY_BUILD, RETRY_REGISTRY
from tasks._step import step, tell


@step("build {section.name}", RETRY_BUILD)
def build_image(commit: Commit, service: str, section: ImageSection) -> BuiltImage:
    """The image, in the engine that builds."""
    started = datetime.now(UTC)
    with clients().builder() as builder:
        build = _build_of(commit, service, section)
        image_id = builder.build(build, clients().read_secrets(section.secrets), tell)
    return BuiltImage(id=image_id, started_at=started, finished_at=datetime.now(UTC))


@step("push {section.name}", RETRY_REGISTRY)
def push_image(commit: Commit, service: str, section: ImageSection, built: BuiltImage) -> PushedImage:
    """The image in the registry, named by its digest, and what is in it: listed while it is sent, from the same files."""
    repository = image_repository(service, section.name)
    with clients().builder() as builder, clients().registry() as registry, tempfile.TemporaryDirectory() as folder:
        image = builder.export(built.id, _build_of(commit, service, section), Path(folder))
        with ThreadPoolExecutor(1) as aside:
            listed = aside.submit(clients().biller().bill, image, Path(folder))
            reference = ImageReference(repository=repository, digest=registry.push_image(repository, image, tell))
            bill = listed.result()
    tell(f"{section.name} is {reference}, and {len(bill.get('components', ()))} components are in it")
    return PushedImage(image=ReleasedImage(name=section.name, reference=reference), bill=bill)


def _build_of(commit: Commit, service: str, section: ImageSection) -> ImageBuild:
    context = clients().source().archive(commit, section.context)
    return ImageBuild(service=service, commit=commit, section=section, context=context)
