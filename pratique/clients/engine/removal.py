"""Removing everything that carries given labels: containers first, because they use the rest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from docker import DockerClient
from docker.errors import NotFound

from pratique.clients.engine.errors import translated


def remove_everything(engine: DockerClient, labels: Sequence[str]) -> int:
    """How many containers carried every one of `labels` (`key=value`): they, networks and volumes that do are gone."""
    if not labels:
        raise ValueError("without a label, everything on the host would be found")
    filters: dict[str, str | list[str] | bool] = {"label": list(labels)}
    with translated("remove what is labelled as ours"):
        containers = engine.containers.list(all=True, filters=filters, ignore_removed=True)
        for container in containers:
            with suppress(NotFound):
                container.remove(force=True, v=True)
        for network in engine.networks.list(filters=filters):
            with suppress(NotFound):
                network.remove()
        for volume in engine.volumes.list(filters=filters):
            with suppress(NotFound):
                volume.remove()
    return len(containers)
