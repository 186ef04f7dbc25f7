"""A connection to a Docker Engine.

with connect("unix:///var/run/docker.sock") as engine:
    engine.images.list()
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient
from docker.errors import DockerException
from docker.tls import TLSConfig

from pratique.errors import Invalid, Transient

TIMEOUT = 60
"""Seconds the engine may be silent within one call; calls that work for longer say so themselves."""


@contextmanager
def connect(address: str, tls: Path | None = None) -> Iterator[DockerClient]:
    """The engine at `address` (as in `DOCKER_HOST`), its API version negotiated; `tls` holds ca.pem, cert.pem and key.pem."""
    _require_listener(address)
    client = _client(address, tls)
    try:
        yield client
    finally:
        client.close()


def _client(address: str, tls: Path | None) -> DockerClient:
    remedy = "write unix:///var/run/docker.sock, or tcp://host:2376 together with a folder for TLS"
    try:
        return DockerClient(base_url=address, version="auto", timeout=TIMEOUT, tls=_tls(tls) if tls else False)
    except DockerException as error:
        # docker-py wraps whatever asking for the version brought, a refused connection as much as a wrong address.
        if "Error while fetching server API version" in str(error) and "Invalid URL" not in str(error):
            raise _silent(address) from None
        raise Invalid(f"engine address {address}", " ".join(str(error).split()), remedy) from None
    except ValueError as error:
        raise Invalid(f"engine address {address}", str(error), remedy) from None


def _require_listener(address: str) -> None:
    """Knock first at a Unix socket: docker-py leaves its own open where nobody listens."""
    if not address.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(TIMEOUT)
        try:
            knock.connect(address.removeprefix("unix://"))
        except OSError:
            raise _silent(address) from None


def _silent(address: str) -> Transient:
    return Transient(f"no Docker Engine answers at {address}: is it running, and may this user reach it?")


def _tls(folder: Path) -> TLSConfig:
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    if missing := [str(file) for file in files.values() if not file.is_file()]:
        raise Invalid(str(folder), f"no file {', '.join(missing)}", "the folder holds ca.pem, cert.pem and key.pem")
    return TLSConfig(client_cert=(str(files["cert"]), str(files["key"])), ca_cert=str(files["ca"]), verify=True)
