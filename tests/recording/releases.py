"""Signed releases of services that have nothing to build: `prepare` finds each by its commit, as any that was made before."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import yaml

from pratique.bootstrap import Clients
from pratique.clients.ports import LayerFile, OciImage
from pratique.clients.releases import store, store_infrastructure
from pratique.clients.sigstore.gather import sign_and_attach
from pratique.decisions.bill_of_materials import bill_statement
from pratique.decisions.bundle import pack
from pratique.decisions.provenance import RunDetails, image_statements, release_statements
from pratique.pipeline.service import service_at
from pratique.values.commit import Commit
from pratique.values.digest import canonical_json, digest_of
from pratique.values.evidence import Statement
from pratique.values.references import ImageReference
from pratique.values.release import Release, ReleasedImage, StoredRelease, image_repository
from tests.services.git import git

RUN = RunDetails(builder="https://pratique.dev/builder/recorded")
NOTHING_IN_IT = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}


def release(clients: Clients, folder: Path, service: str) -> StoredRelease:
    """The release of a new commit of the service, whose repository is `folder`."""
    manifest = {
        "version": 1,
        "service": service,
        "images": [{"name": "web"}],
        "workload": {"image": "web", "port": 8080},
        "checks": [{"name": "answers", "command": {"run": ["/report"]}}],
        "environments": {"dev": {}, "staging": {"after": ["dev"]}, "prod": {"after": ["staging"]}},
    }
    _commit(folder, yaml.safe_dump(manifest))
    commit = clients.source().resolve(str(folder), "main")
    found = service_at(clients, commit)
    section = found.manifest.images[0]
    with clients.registry() as registry, tempfile.TemporaryDirectory() as place:
        repository = image_repository(service, section.name)
        reference = ImageReference(
            repository=repository, digest=registry.push_image(repository, _image(Path(place), commit), print)
        )
        made = Release(
            service=service,
            commit=commit,
            images=(ReleasedImage(name=section.name, reference=reference),),
            infrastructure=store_infrastructure(registry, service, pack(found.files)),
            manifest=found.manifest,
        )
        stored = store(registry, made)
    bill = bill_statement(reference, NOTHING_IN_IT, commit.committed_at)
    for about, statements in (
        (reference, (*image_statements(reference, section, commit, RUN), bill)),
        (stored.reference, release_statements(stored, RUN)),
    ):
        for statement in statements:
            _sign(clients, about, commit, statement)
    return stored


def _sign(clients: Clients, about: ImageReference, commit: Commit, statement: Statement) -> None:
    with clients.registry() as registry, clients.signer() as signer:
        sign_and_attach(
            registry,
            signer,
            about.repository,
            statement,
            about.digest,
            created=commit.committed_at,
            verifier=clients.verifier(),
            trusted=clients.trust,
        )


def _image(folder: Path, commit: Commit) -> OciImage:
    content = gzip.compress(commit.id.encode(), mtime=0)
    file = folder / "layer.tar.gz"
    file.write_bytes(content)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(commit.id.encode())]},
    }
    layer = LayerFile(
        media_type="application/vnd.oci.image.layer.v1.tar+gzip", digest=digest_of(content), size=len(content), file=file
    )
    return OciImage(config=canonical_json(config), layers=(layer,), annotations={})


def _commit(folder: Path, manifest: str) -> None:
    if not (folder / ".git").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "pratique.yaml").write_text(manifest)
    git(folder, "add", "--all")
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    git(folder, *identity, "commit", "--quiet", "--allow-empty", "--message", "Change something")
