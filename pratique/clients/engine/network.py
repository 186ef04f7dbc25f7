"""The network of a place: its front and its workload see each other there, and nothing else does."""

from __future__ import annotations

from docker import DockerClient
from docker.models.containers import Container

from pratique.clients.engine.errors import translated
from pratique.clients.engine.place import Place

_ROLE = "network"


def require_network(engine: DockerClient, place: Place) -> None:
    """Create the network unless it is there."""
    with translated(f"create network {place.name}"):
        # The filter of the engine matches parts of names, too.
        named = [network for network in engine.networks.list(names=[place.name]) if network.name == place.name]
        for network in named:
            place.require_ours(f"network {place.name}", network.attrs.get("Labels"))
        if not named:
            engine.networks.create(place.name, driver="bridge", labels=place.labels(_ROLE))


def address_of(container: Container, place: Place) -> str:
    """The container's address on the network now."""
    with translated(f"inspect {container.name}"):
        container.reload()
    return str(container.attrs["NetworkSettings"]["Networks"][place.name]["IPAddress"])
