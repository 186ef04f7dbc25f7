"""An image of the engine as OCI content, with the same digests for every build of the same commit.

`docker save` has two layouts: `<id>/layer.tar` up to 24, `blobs/sha256/<hex>` from 25 on. `manifest.json` leads
through both: it names the configuration and the layers, base first.
"""

from __future__ import annotations

import json
import posixpath
import shutil
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docker import DockerClient

from pratique.clients.engine.arguments import commit_annotations, created, title
from pratique.clients.engine.errors import require_ok, translated
from pratique.clients.engine.image_config import portable_config
from pratique.clients.engine.layers import Layer, portable_layer
from pratique.clients.ports import ImageBuild, OciImage
from pratique.errors import Refused

_CHUNK = 2 * 1024 * 1024
_PREPARES = 600
"""Seconds an engine may take to gather a large image before the first byte."""
_THREADS = 2
"""Layers at a time; the work is compression, which lets other threads run."""


def export_image(engine: DockerClient, image_id: str, build: ImageBuild, folder: Path) -> OciImage:
    """The image, its layers as files named by their digests in `folder`; anything else written is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch_name:
        scratch = Path(scratch_name)
        saved = scratch / "image.tar"
        _save(engine, image_id, saved)
        config, files = _extract(saved, scratch)
        saved.unlink()
        expected = config.get("rootfs", {}).get("diff_ids") or []
        if len(expected) != len(files):
            raise Refused(f"the engine exported {len(files)} layers of {image_id}, which has {len(expected)}: build it again")

        def portable(layer: tuple[Path, str]) -> Layer:
            return portable_layer(layer[0], layer[1], build.commit.epoch, folder, scratch)

        with ThreadPoolExecutor(_THREADS) as threads:
            layers = list(threads.map(portable, zip(files, expected, strict=True)))
    return OciImage(
        config=portable_config(config, [layer.diff_id for layer in layers], created(build)),
        layers=tuple(layer.file for layer in layers),
        annotations={**commit_annotations(build), **title(build)},
    )


def _save(engine: DockerClient, image_id: str, saved: Path) -> None:
    """Stream the export to disk. Not docker-py's `get_image`, which waits for a silent engine for ever."""
    doing = f"export image {image_id}"
    url = f"{engine.api.base_url}/v{engine.api.api_version}/images/{quote(image_id, safe=':')}/get"
    with translated(doing):
        # An engine calls an image that it cannot export an error of its own; asked for by name, it says that there is none.
        engine.images.get(image_id)
    with translated(doing), saved.open("wb") as file, engine.api.get(url, stream=True, timeout=_PREPARES) as response:
        require_ok(doing, response)
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)


def _extract(saved: Path, scratch: Path) -> tuple[dict[str, Any], list[Path]]:
    """The configuration, and one file per layer, base first."""
    files: list[Path] = []
    with tarfile.open(saved) as archive:
        manifest = json.loads(_read(archive, "manifest.json"))[0]
        for number, name in enumerate(manifest["Layers"]):
            file = scratch / f"layer-{number}"
            stream = archive.extractfile(_member(archive, name))
            if stream is None:
                raise Refused(f"the engine's export holds no content for layer {name}: build the image again")
            with file.open("wb") as target:
                shutil.copyfileobj(stream, target, _CHUNK)
            files.append(file)
        config: dict[str, Any] = json.loads(_read(archive, manifest["Config"]))
    return config, files


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(_member(archive, name))
    return stream.read() if stream else b""


def _member(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """The entry; older engines store a layer that occurs twice as a symbolic link to the first."""
    try:
        member = archive.getmember(name)
        if member.issym():
            member = archive.getmember(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname)))
    except KeyError:
        raise Refused(f"the engine's export lacks {name}: build the image again") from None
    return member
