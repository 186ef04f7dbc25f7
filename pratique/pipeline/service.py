"""A service as one commit describes it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from pratique.bootstrap import Clients
from pratique.decisions.manifest_reading import read_manifest
from pratique.decisions.modules import bundle_folders, require_modules, select_files
from pratique.decisions.origin import comes_from_its_repository
from pratique.values.commit import Commit
from pratique.values.manifest import MANIFEST_FILE, Manifest


@dataclass(frozen=True, slots=True)
class ServiceAtCommit:
    """The manifest, and the files of the infrastructure bundle: `pratique.yaml`, every module's, and the policies."""

    manifest: Manifest
    files: dict[str, bytes]


def service_at(clients: Clients, commit: Commit) -> ServiceAtCommit:
    """The service at the commit; refused where it is another repository's, or its manifest, modules and policies do not fit."""
    source = clients.source()
    text = source.file(commit, MANIFEST_FILE)
    manifest = read_manifest(text, f"{MANIFEST_FILE} at {commit.short}")
    comes_from_its_repository(manifest.service, commit.repository, clients.origins).require()
    files = {MANIFEST_FILE: text}
    for folder in bundle_folders(manifest):
        found = source.files(commit, folder)
        files |= {posixpath.normpath(posixpath.join(folder, path)): content for path, content in found.items()}
    require_modules(files, manifest)
    return ServiceAtCommit(manifest=manifest, files=select_files(files, manifest))
