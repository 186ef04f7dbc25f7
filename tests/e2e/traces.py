"""Looking for a value in everything that deliveries leave behind, however it is spelled there."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import re
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
from docker import DockerClient

from pratique.settings import PrefectSettings
from tests.services.stack import prefect_api as connected

Piece = tuple[str, bytes]
"""Where something was found, and its content."""

SHORTEST = 12
"""Letters and digits in a row that are looked for by themselves: what is left of a value that was cut off or torn apart."""


def spellings(value: str) -> set[bytes]:
    """The value as it is, as a URL, JSON, Python, HTML, hex and base64 spell it; and each long part of it likewise."""
    parts = re.findall(rf"[A-Za-z0-9]{{{SHORTEST},}}", value)
    return {spelled for text in (value, *parts) for spelled in _spellings(text)}


def search(pieces: Iterable[Piece], values: Mapping[str, str]) -> set[tuple[str, str]]:
    """Which of the named values were found, and where."""
    needles = {name: spellings(value) for name, value in values.items()}
    return {
        (name, where)
        for where, packed in pieces
        for content in unpacked(packed)
        for name, spelled in needles.items()
        if any(needle in content for needle in spelled)
    }


def unpacked(content: bytes) -> Iterator[bytes]:
    """The content, and what is in it where it is compressed or an archive; a tar archive holds its files as they are."""
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield from unpacked(gzip.decompress(content))
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                inner = archive.extractfile(member)
                if inner is not None and (packed := inner.read()).startswith(b"\x1f\x8b"):
                    yield from unpacked(packed)


def rows(database: Path) -> Iterator[Piece]:
    """Every table of an SQLite database: in the file itself a long text lies in pages that are not side by side."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cells = (cell for row in connection.execute(f'SELECT * FROM "{table}"') for cell in row)  # noqa: S608  # its own name
            yield f"{database.name}: {table}", b"\0".join(_bytes(cell) for cell in cells)


def files(folder: Path) -> Iterator[Piece]:
    """Every file below the folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield str(file.relative_to(folder)), file.read_bytes()


def git_objects(folder: Path) -> Iterator[Piece]:
    """Everything that the Git repositories below the folder hold; in their files it is compressed."""
    for repository in sorted({file.parent for file in folder.rglob("HEAD") if (file.parent / "objects").is_dir()}):
        command = ["git", f"--git-dir={repository}", "cat-file", "--batch", "--batch-all-objects"]
        yield str(repository.relative_to(folder)), subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def prefect_api(settings: PrefectSettings) -> Iterator[Piece]:
    """What the server answers about runs, logs, artifacts, events and whatever else is written to it."""
    with connected(settings) as client:
        for kind in (
            "flow_runs",
            "task_runs",
            "logs",
            "artifacts",
            "deployments",
            "variables",
            "block_documents",
            "work_pools",
        ):
            yield kind, b"\n".join(_pages(client, f"/{kind}/filter"))
        answer = client.post("/events/filter", json={"limit": 50}).raise_for_status()
        while True:
            yield "events", answer.content
            following = answer.json()["next_page"]
            if not following:
                return
            answer = client.get(following).raise_for_status()


def images(engine: DockerClient, repository: Path) -> Iterator[Piece]:
    """What the engine says of each image that was built from the Git repository, and the image itself."""
    for image in engine.images.list(filters={"label": f"org.opencontainers.image.source={repository}"}):
        yield f"history of {image.id}", json.dumps(image.history()).encode()
        yield f"inspection of {image.id}", json.dumps(image.attrs).encode()
        yield f"archive of {image.id}", b"".join(image.save())


def container_logs(engine: DockerClient, service: str) -> Iterator[Piece]:
    """What each container of the service wrote."""
    for container in containers(engine, service):
        yield str(container.name), container.logs()


def containers(engine: DockerClient, service: str, **labels: str) -> list[Any]:
    """The containers of the service that carry the labels, running or not."""
    marks = [f"io.pratique.service={service}", *(f"io.pratique.{name}={value}" for name, value in labels.items())]
    found: list[Any] = engine.containers.list(all=True, filters={"label": marks})
    return found


def _pages(client: httpx.Client, path: str, size: int = 200) -> Iterator[bytes]:
    offset = 0
    while (page := client.post(path, json={"limit": size, "offset": offset}).raise_for_status().content) != b"[]":
        yield page
        offset += size


def _spellings(text: str) -> set[bytes]:
    texts = {text, quote(text, safe=""), quote_plus(text), html.escape(text), repr(text)[1:-1]}
    for escaped in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        texts |= {escaped, json.dumps(escaped)[1:-1]}
    raw = text.encode()
    return {*(form.encode() for form in texts), raw.hex().encode(), raw.hex().upper().encode(), *_in_base64(raw)}


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """What base64 makes of it inside something longer, at each of the three places it can fall on."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        # The first and the last letters hold bits of what stands beside it.
        first = (before * 8 + 5) // 6
        whole = (before + len(raw)) * 8 // 6
        yield encoded[first:whole]
        yield encoded[first:whole].replace(b"+", b"-").replace(b"/", b"_")


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()
