"""The content of a release: its images and its infrastructure, down to their layers, as far as the registry still has them."""

from __future__ import annotations

from pratique.clients.ports import Registry
from pratique.errors import Refused
from pratique.values.digest import Digest
from pratique.values.references import ImageReference
from pratique.values.release import StoredRelease


def missing_content(registry: Registry, stored: StoredRelease) -> list[str]:
    """One line for each part of the release that the registry does not have whole any more; none where all is there."""
    images = (image.reference for image in stored.release.images)
    return list(_gone(registry, *images, stored.infrastructure, stored.reference).values())


def gone_images(registry: Registry, stored: StoredRelease) -> dict[Digest, str]:
    """The images of the release that the registry does not have whole any more, by digest, and what of each is missing."""
    return _gone(registry, *(image.reference for image in stored.release.images))


def require_content(registry: Registry, stored: StoredRelease) -> None:
    """Refuse a release that is not whole, with every part that is missing and what brings it back."""
    if missing := missing_content(registry, stored):
        commit = stored.release.commit.id
        raise Refused(*missing, f"deliver commit {commit} again, which makes what is missing anew")


def _gone(registry: Registry, *parts: ImageReference) -> dict[Digest, str]:
    found = {}
    for part in parts:
        if lost := registry.missing(part.repository, part.digest):
            what = "it" if lost == (part.digest,) else f"its {', '.join(lost)}"
            found[part.digest] = f"{part} cannot be pulled: {what} is not in the registry any more"
    return found
