"""Prepare: a commit becomes a release."""

import asyncio

from prefect import flow

from pratique.values.commit import Commit
from pratique.values.manifest import ImageSection
from pratique.values.release import ReleasedImage, StoredRelease
from tasks._outcome import told
from tasks.evidence import sign_image, sign_release
from tasks.images import build_image, push_image
from tasks.parameters import Ref, Repository
from tasks.releases import find_release, finish_release, store_release
from tasks.reports import report_release
from tasks.scans import scan_images
from tasks.source import find_commit, read_service


@flow(name="prepare", flow_run_name="{repository} @ {ref}")
@told
async def prepare(repository: Repository, ref: Ref = "main") -> StoredRelease:
    """Build, sign and store the release of a commit; a release that exists and still verifies is used as it is."""
    commit = await find_commit(repository, ref)
    manifest = await read_service(commit)
    stored = await find_release(commit, manifest.service)
    if stored is None:
        images = await asyncio.gather(*(make_image(commit, manifest.service, section) for section in manifest.images))
        stored = await sign_release(await store_release(commit, manifest, images))
    return await report_release(await finish_release(await scan_images(stored)))


async def make_image(commit: Commit, service: str, section: ImageSection) -> ReleasedImage:
    """One image of the release: built, pushed, signed."""
    built = await build_image(commit, service, section)
    pushed = await push_image(commit, service, section, built)
    return await sign_image(commit, section, built, pushed)
