"""Files in a container's volume, read and written through the engine, so that it may be on another host."""

from __future__ import annotations

import io
import tarfile

from docker.errors import NotFound
from docker.models.containers import Container

from pratique.clients.engine.errors import translated
from pratique.errors import Transient


def read_files(container: Container, folder: str) -> dict[str, bytes]:
    """Name → content of every file in the folder."""
    with translated(f"read {folder} of {container.name}"):
        try:
            chunks, _ = container.get_archive(folder)
            content = io.BytesIO(b"".join(chunks))
        except NotFound:
            return {}
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream:
                files[member.name.rsplit("/", maxsplit=1)[-1]] = stream.read()
    return files


def write_file(container: Container, folder: str, name: str, content: bytes) -> None:
    """Write one file, readable by every user in the container."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o644
        tar.addfile(entry, io.BytesIO(content))
    with translated(f"write {folder}/{name} of {container.name}"):
        if not container.put_archive(folder, archive.getvalue()):
            raise Transient(f"the engine did not write {folder}/{name} of {container.name}")
