"""What every build is given: its arguments and its labels."""

from __future__ import annotations

from datetime import UTC, datetime

from pratique.clients.ports import ImageBuild

_OCI = "org.opencontainers.image"


def build_arguments(build: ImageBuild) -> dict[str, str]:
    """The section's arguments, and the two that name the commit; a Dockerfile sees those it declares with `ARG`."""
    return {
        **build.section.args,
        "SOURCE_COMMIT": build.commit.id,
        # https://reproducible-builds.org/specs/source-date-epoch/
        "SOURCE_DATE_EPOCH": str(build.commit.epoch),
    }


def commit_annotations(build: ImageBuild) -> dict[str, str]:
    """The commit's keys of https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md, as labels too."""
    return {
        f"{_OCI}.source": build.commit.repository,
        f"{_OCI}.revision": build.commit.id,
        f"{_OCI}.created": created(build),
    }


def title(build: ImageBuild) -> dict[str, str]:
    """The key that names the image for people."""
    return {f"{_OCI}.title": f"{build.service}/{build.section.name}"}


def created(build: ImageBuild) -> str:
    """The commit's time, as RFC 3339 spells it: the one time that is the same for each build of a commit."""
    return datetime.fromtimestamp(build.commit.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
