"""The Docker Engine: building images, taking them out of it, and running workloads."""

from pratique.clients.engine.build import EngineBuilder, open_builder
from pratique.clients.engine.connect import connect
from pratique.clients.engine.workloads import DockerWorkloads, open_workloads

__all__ = ["DockerWorkloads", "EngineBuilder", "connect", "open_builder", "open_workloads"]
