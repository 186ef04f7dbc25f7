"""What the pipeline asks of each system outside it; one real client and one fake in `tests/fakes/` keep each contract.

Every method raises `Refused` for a no, `Transient` for "ask again", and lets nothing else of its wire library out.
What events ask for is in `event_ports.py`.
`Log` receives progress lines meant for people; they never hold a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from pratique.clients.waiting_list import WaitingList
from pratique.values._base import Value
from pratique.values.commit import Commit
from pratique.values.digest import Digest
from pratique.values.evidence import Statement, VerifiedStatement
from pratique.values.lease import Lease
from pratique.values.manifest import ImageSection
from pratique.values.plan import StackPlan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.references import SecretReference
from pratique.values.release import StoredRelease
from pratique.values.stack import DesiredStack
from pratique.values.trust import Trusted
from pratique.values.workload import DesiredWorkload, WorkloadState

Log = Callable[[str], None]


class Secrets(Protocol):
    """Vault's KV version 2 engine."""

    def read(self, reference: SecretReference) -> str:
        """The secret's value."""
        ...


class SigningKeys(Protocol):
    """Vault's transit engine."""

    def public_key(self, name: str, version: int | None = None) -> tuple[int, str]:
        """The version (the newest, unless named) and its public key as PEM."""
        ...

    def sign(self, name: str, version: int, message: bytes) -> bytes:
        """The ASN.1 DER ECDSA signature over the sha256 of `message` by exactly that version of the key."""
        ...


class EvidenceSigner(Protocol):
    """Signs statements."""

    def sign(self, statement: Statement) -> bytes:
        """A Sigstore bundle v0.3 (JSON) holding the statement in a DSSE envelope."""
        ...


class EvidenceVerifier(Protocol):
    """Verifies bundles, offline."""

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        """The statement, once one of `trusted` is found to have signed it; no trusted signer at all is refused."""
        ...


class StoredManifest(Value):
    """A manifest as the registry holds it, its digest verified."""

    digest: Digest
    media_type: str
    content: bytes


class LayerFile(Value):
    """One layer, compressed, in a file."""

    media_type: str
    digest: Digest
    size: int
    file: Path


class OciImage(Value):
    """An image ready to be pushed."""

    config: bytes
    layers: tuple[LayerFile, ...]
    annotations: dict[str, str]


class Registry(Protocol):
    """An OCI registry (distribution spec 1.1; referrers by tag where it has no referrers API)."""

    def push_image(self, repository: str, image: OciImage, log: Log) -> Digest:
        """The digest of the pushed OCI manifest; blobs that are there already are not sent again."""
        ...

    def push_artifact(
        self,
        repository: str,
        artifact_type: str,
        config: bytes,
        layers: Sequence[tuple[str, bytes]],
        annotations: Mapping[str, str],
    ) -> Digest:
        """The digest of a pushed artifact manifest, `config` being of `artifact_type`, `layers` of (media type, content)."""
        ...

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        """The manifest, or None where there is none."""
        ...

    def blob(self, repository: str, digest: Digest) -> bytes:
        """The blob's content, digest verified."""
        ...

    def resolve(self, repository: str, tag: str) -> Digest | None:
        """The digest the tag names now, or None."""
        ...

    def tag(self, repository: str, digest: Digest, tag: str) -> None:
        """Let `tag` name `digest`."""
        ...

    def attach(self, repository: str, subject: Digest, bundle: bytes, predicate_type: str, created: datetime) -> Digest:
        """The digest of the referrer that carries the bundle, laid out as cosign v3 does; attaching it again is harmless."""
        ...

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        """Every Sigstore bundle attached to `subject`."""
        ...

    def copy(self, source: str, digest: Digest, target: str) -> None:
        """Let the repository `target` hold the manifest too, with all it consists of and everything attached to it."""
        ...


class Source(Protocol):
    """A Git repository."""

    def resolve(self, repository: str, ref: str) -> Commit:
        """The commit that `ref` (branch, tag, full id or `refs/…`) names now; a full id only if a branch or tag holds it."""
        ...

    def head_contains(self, repository: str, ref: str, commit: str) -> bool:
        """Whether the commit (full id) is what `ref` names now, or one of its ancestors."""
        ...

    def file(self, commit: Commit, path: str) -> bytes:
        """The content of one file at the commit; a link, a folder or nothing is refused."""
        ...

    def files(self, commit: Commit, path: str) -> dict[str, bytes]:
        """The files below a folder at the commit, by path relative to it; links are refused."""
        ...

    def archive(self, commit: Commit, path: str) -> bytes:
        """A tar archive of the folder at the commit, entries relative to it, modification times the commit's.

        The same bytes for the same commit. Refused: submodules, Git LFS pointers, links that leave the folder.
        """
        ...


class ImageBuild(Value):
    """What is needed to build one image."""

    service: str
    commit: Commit
    section: ImageSection
    context: bytes
    """The tar archive of the build context at the commit."""


class Builder(Protocol):
    """A Docker Engine that builds."""

    def build(self, build: ImageBuild, secrets: Mapping[str, str], log: Log) -> str:
        """The id of the image built."""
        ...

    def export(self, image_id: str, build: ImageBuild, folder: Path) -> OciImage:
        """The image as OCI content, times set to the commit's, annotations (source, revision, created) filled in."""
        ...


class Workloads(Protocol):
    """A Docker host that runs containers."""

    def look(self, service: str, environment: str) -> WorkloadState:
        """What runs now."""
        ...

    def deploy(self, desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, log: Log) -> WorkloadState:
        """What runs after the blue-green switch; nothing is done where the desired workload serves already."""
        ...

    def execute(self, service: str, environment: str, command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
        """Exit status and output of `command` inside the serving container."""
        ...

    def remove(self, service: str, environment: str) -> None:
        """Take everything of the service out of the environment; harmless where nothing is."""
        ...


class Stacks(Protocol):
    """AWS CloudFormation."""

    def plan(self, stack: DesiredStack) -> StackPlan:
        """What applying it would change; nothing is touched."""
        ...

    def apply(self, stack: DesiredStack, fence: int, log: Log) -> dict[str, str]:
        """The outputs, once the stack is as desired; nothing is done where it is already."""
        ...

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of the stack as it is; empty where there is none."""
        ...

    def delete(self, name: str) -> None:
        """Delete the stack and wait until it is gone; harmless where there is none."""
        ...


class Ledger(WaitingList, Protocol):
    """The database of promotions, locks and history."""

    def record_release(self, stored: StoredRelease) -> None:
        """Remember a release; again is harmless."""
        ...

    def releases(self, service: str | None = None, limit: int = 50) -> Sequence[StoredRelease]:
        """The newest releases first."""
        ...

    def begin(self, promotion: Promotion) -> None:
        """Record a promotion that starts; it is `running`, without a fence yet."""
        ...

    def finish(self, promotion_id: str, state: PromotionState, *, reason: str = "", address: str = "") -> Promotion:
        """Record how it ended, its lock given back; it keeps its first ending (another one is refused)."""
        ...

    def grant(self, promotion_id: str, lease: Lease, address: str, reason: str = "") -> Promotion:
        """Record it as granted, refused with `FenceLost` where the lease is no longer the newest, in one transaction."""
        ...

    def granted(self, service: str, environment: str) -> Promotion | None:
        """The last granted promotion: what the environment holds."""
        ...

    def granted_before(self, service: str, environment: str) -> Promotion | None:
        """The newest grant of another release than the environment holds now: where a rollback goes."""
        ...

    def grant_of(self, service: str, environment: str, release: Digest) -> Promotion | None:
        """The newest grant of that very release in that environment, whatever has been granted since."""
        ...

    def environments(self, service: str | None = None) -> Sequence[tuple[str, str]]:
        """Every (service, environment) that has a promotion on record, sorted."""
        ...

    def history(self, service: str | None = None, environment: str | None = None, limit: int = 50) -> Sequence[Promotion]:
        """Promotions, newest first."""
        ...

    def acquire(self, promotion_id: str, duration: timedelta, *, newest_only: bool = False) -> Lease | None:
        """The lock of the promotion's environment, or None while another holds it or is before it in the queue.

        None is a place in the queue, first come first served; one that has not asked again for twice `duration` is passed.
        Taking over from a holder whose lease has run out, or passing one, marks that one's promotion `abandoned`.
        A promotion that holds the lock already gets it under a new fence, so that an earlier process of it is shut out.
        With `newest_only`, of the promotions in the queue only those of the newest release stay; the others are superseded.
        """
        ...

    def renew(self, lease: Lease, duration: timedelta) -> Lease:
        """The lease, longer; `FenceLost` where somebody has taken over."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lock back; harmless where it was lost."""
        ...

    def holder(self, service: str, environment: str) -> Promotion | None:
        """The promotion that holds the lock now."""
        ...

    def promotion(self, promotion_id: str) -> Promotion:
        """The promotion; refused where there is none of that id."""
        ...
