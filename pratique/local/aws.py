"""The local stack's AWS endpoint: moto's server, on loopback. It keeps everything in memory, so a restart forgets it."""

from __future__ import annotations

import sys

import httpx

from pratique.local.process import Processes

NAME = "aws"


def start_aws(processes: Processes, port: int) -> str:
    """The endpoint's address, once it answers; nothing is done where it runs already."""
    endpoint = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{endpoint}/moto-api/", timeout=5).is_success
        except httpx.TransportError:
            return False

    command = (sys.executable, "-m", "pratique.local.aws_endpoint", "-H", "127.0.0.1", "-p", str(port))
    processes.start(NAME, command, ready=ready, port=port)
    return endpoint
