"""An image on disk as an OCI image layout, which is how other programs take it without a registry and without an engine.

Format: OCI image specification 1.1, image-layout.md (github.com/opencontainers/image-spec).
"""

from __future__ import annotations

from pathlib import Path

from pratique.clients.ports import OciImage
from pratique.clients.registry import documents
from pratique.values.digest import canonical_json, digest_of, hex_of


def lay_out(image: OciImage, folder: Path) -> None:
    """The image in `folder`: its layers by links to the files that hold them, so that nothing is copied."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = documents.image_manifest(image)
    for content in (image.config, manifest):
        (blobs / hex_of(digest_of(content))).write_bytes(content)
    for layer in image.layers:
        link = blobs / hex_of(layer.digest)
        if not link.is_symlink():  # one layer may occur twice
            link.symlink_to(layer.file.resolve())
    index = documents.index([documents.descriptor(documents.MANIFEST_TYPE, manifest)])
    (folder / "index.json").write_bytes(index)
    (folder / "oci-layout").write_bytes(canonical_json({"imageLayoutVersion": "1.0.0"}))
