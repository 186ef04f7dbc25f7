"""A release with everything that is ever attached to it, signed with real keys, in a registry in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from pratique.clients import releases
from pratique.clients.ports import EvidenceSigner, OciImage
from pratique.clients.sigstore import KeyEvidenceSigner, OfflineEvidenceVerifier
from pratique.decisions.chain import grant_statement
from pratique.decisions.provenance import RunDetails, image_statements, release_statements
from pratique.decisions.proving import prove
from pratique.decisions.rulings import ruling_statement
from pratique.decisions.summaries import check_results, verification_summary
from pratique.pipeline.proving import look
from pratique.values.checks import CheckResult
from pratique.values.commit import Commit
from pratique.values.decision import Decision
from pratique.values.digest import Digest, digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import Statement
from pratique.values.gate import Excepted
from pratique.values.grant import Approval, Grant, Link, PassedCheck
from pratique.values.judged import Judged
from pratique.values.manifest import Manifest
from pratique.values.people import People, Person
from pratique.values.proof import Proof
from pratique.values.references import ImageReference
from pratique.values.release import Release, ReleasedImage, StoredRelease
from pratique.values.requirements import Exceptions
from pratique.values.ruling import Approve, Except, Ruling
from pratique.values.trust import TrustedKey
from pratique.values.trust_material import PlaceTrust, TrustMaterial
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import COMMIT
from tests.fakes.vault import FakeVault

BEGAN = datetime.fromisoformat("2026-03-02T09:00:00Z")
RUN = RunDetails(builder="https://example.test/builder")
LINE = {"dev": {}, "staging": {"after": ["dev"]}, "prod": {"after": ["staging"]}}
GRAPH = {"dev": {}, "load": {}, "staging": {"after": ["dev", "load"]}, "prod": {"after": ["staging"]}}
APPROVALS = {"required": 2, "from": ["approvers"], "not_author": True}
VAULT = FakeVault()
NAMES = ("pipeline", "stranger", "ada", "grace", "linus")
for _name in NAMES:
    VAULT.create_key(_name)

Change = Callable[[str, Statement], Statement]
Settle = Callable[[str, dict[str, Any]], None]
Pipeline = Callable[[str], EvidenceSigner]


@cache
def signer(name: str) -> EvidenceSigner:
    return KeyEvidenceSigner(VAULT, name)


@cache
def key(name: str) -> TrustedKey:
    return TrustedKey(pem=VAULT.public_key(name)[1])


def material(environments: Iterable[str]) -> TrustMaterial:
    """The pipeline's key is trusted everywhere; in prod people approve and may make exceptions."""
    places = {name: PlaceTrust(trust=(key("pipeline"),), policy=policy(name)) for name in environments}
    places["prod"] = places["prod"].model_copy(
        update={"exceptions": Exceptions(from_=("approvers",), longest=timedelta(hours=4))}
    )
    persons = {name: Person(emails=(f"{name}@example.test",), trust=(key(name),)) for name in ("ada", "grace", "linus")}
    people = People(persons=persons, groups={"approvers": ("ada", "grace", "linus")})
    return TrustMaterial(environments=places, people=people, origins={"hello": COMMIT.repository})


def policy(environment: str) -> Digest:
    return digest_of(f"policy of {environment}".encode())


def manifest(environments: dict[str, Any]) -> Manifest:
    sections = {name: dict(section) for name, section in environments.items()}
    sections["prod"]["gates"] = {"approvals": APPROVALS}
    return Manifest.model_validate(
        {
            "version": 1,
            "service": "hello",
            "images": [{"name": "web"}],
            "workload": {"image": "web", "port": 8080},
            "checks": [{"name": "healthy", "http": {"path": "/healthz"}}],
            "environments": sections,
        }
    )


@dataclass
class Evidenced:
    """What is attached to what, by name: `grant of dev`, `verdict of prod`, `approval of prod by grace`, …"""

    stored: StoredRelease
    registry: FakeRegistry
    material: TrustMaterial
    attached: dict[str, tuple[ImageReference, bytes]] = field(default_factory=dict)
    change: Change = lambda _name, statement: statement
    """What becomes of each statement before it is signed; what names it later names what it has become."""
    pipeline: Pipeline = lambda _name: signer("pipeline")
    """Who signs which of the pipeline's statements."""

    @property
    def subjects(self) -> list[ImageReference]:
        return [self.stored.reference, *(image.reference for image in self.stored.release.images)]

    def sign(self, name: str, statement: Statement, by: str = "pipeline", of: ImageReference | None = None) -> Digest:
        signing = self.pipeline(name) if by == "pipeline" else signer(by)
        bundle = signing.sign(self.change(name, statement))
        self.attached[name] = (of or self.stored.reference, bundle)
        return digest_of(bundle)

    def digest(self, name: str) -> Digest:
        return digest_of(self.attached[name][1])

    def in_registry(self, order: Iterable[str] | None = None) -> FakeRegistry:
        """A registry that holds the release with what is attached now, in that order of arrival."""
        registry = FakeRegistry()
        registry.blobs, registry.manifests = dict(self.registry.blobs), dict(self.registry.manifests)
        for name in order or self.attached:
            reference, bundle = self.attached[name]
            registry.attach(reference.repository, reference.digest, bundle, "", BEGAN)
        return registry

    def prove(self, **on_record: Any) -> Proof:
        """The proof by what is attached now; `recorded` and `ruled` are what the ledger would say."""
        seen = look(self.in_registry(), OfflineEvidenceVerifier(), self.stored, self.material)
        return prove(seen.model_copy(update=on_record))


def stored_in(registry: FakeRegistry, environments: dict[str, Any], commit: Commit = COMMIT) -> StoredRelease:
    """The release `hello` of the commit, with an image that has no layers."""
    digest = registry.push_image("hello/images/web", OciImage(config=b'{"of": "web"}', layers=(), annotations={}), print)
    web = ReleasedImage(name="web", reference=ImageReference(repository="hello/images/web", digest=digest))
    release = Release(
        service="hello",
        commit=commit,
        images=(web,),
        infrastructure=releases.store_infrastructure(registry, "hello", b"infrastructure"),
        manifest=manifest(environments),
    )
    return releases.store(registry, release)


def evidenced(
    environments: dict[str, Any] | None = None,
    *,
    change: Change = lambda _name, statement: statement,
    settle: Settle = lambda _environment, _fields: None,
    pipeline: Pipeline = lambda _name: signer("pipeline"),
) -> Evidenced:
    """Everything, through every environment; `settle` may change the fields of each grant before it is made."""
    environments = environments or LINE
    registry = FakeRegistry()
    stored = stored_in(registry, environments)
    found = Evidenced(stored=stored, registry=registry, material=material(environments), change=change, pipeline=pipeline)
    image = stored.release.images[0].reference
    statements = {
        image: image_statements(image, stored.release.manifest.images[0], COMMIT, RUN),
        stored.reference: release_statements(stored, RUN),
    }
    for reference, (signature, provenance) in statements.items():
        found.sign(f"signature of {reference.repository}", signature, of=reference)
        found.sign(f"provenance of {reference.repository}", provenance, of=reference)
    for minute, name in enumerate(environments):
        _let_in(found, name, minute * 60, settle)
    return found


def _let_in(found: Evidenced, name: str, minute: int, settle: Settle) -> None:
    stored, at = found.stored, BEGAN + timedelta(minutes=minute)
    section = stored.release.manifest.environments[name]
    fields = {
        "kind": "promote",
        "service": "hello",
        "environment": name,
        "release": stored.digest,
        "commit": COMMIT.id,
        "promotion": f"promotion-{minute}",
        "fence": minute + 2,
        "plan": digest_of(f"plan of {name}".encode()),
        "policy": policy(name),
        "checks": (PassedCheck(name="healthy", detail="200 OK"),),
        "began_at": at - timedelta(minutes=5),
        "granted_at": at,
        "upstream": tuple(Link(environment=one, grant=found.digest(f"grant of {one}")) for one in section.after),
        "requested_by": "webhook",
        "address": "127.0.0.1:8080",
        "run": "http://127.0.0.1:4200/runs/1",
    }
    if name == "prod":
        fields |= _ruled(found, at, fields)
        fields["replaces"] = _earlier(found, at)
    environment = environment_of(stored.release.manifest, name)
    looked_at = tuple(dict.fromkeys(digest_of(bundle) for _, bundle in found.attached.values()))
    judged = Judged(
        decision=Decision(),
        besides_approval=Decision(),
        excepted=_excepted(fields),
        policy=fields["policy"],
        looked_at=tuple(one for one in looked_at if one != fields.get("replaces")),
        at=at - timedelta(seconds=30),
    )
    fields["verdict"] = found.sign(f"verdict of {name}", verification_summary(stored, environment, judged))
    results = [CheckResult(name="healthy", passed=True, detail="200 OK", attempts=1, seconds=0.1)]
    fields["results"] = found.sign(f"checks of {name}", check_results(stored, environment, results))
    settle(name, fields)
    found.sign(f"grant of {name}", grant_statement(stored, Grant.model_validate(fields)))


def _ruled(found: Evidenced, at: datetime, fields: dict[str, Any]) -> dict[str, Any]:
    about = {"service": "hello", "release": found.stored.digest, "commit": COMMIT.id, "environment": "prod"}
    approvals, exceptions = [], []
    for person in ("grace", "linus"):
        plan = {"plan": fields["plan"], "policy": fields["policy"], "expires_at": at + timedelta(days=1)}
        approve = Approve.model_validate(about | plan | {"made_at": at - timedelta(minutes=2), "reason": "looked at"})
        bundle = rule(found, f"approval of prod by {person}", approve, person)
        approvals.append(Approval(by=person, bundle=bundle))
        lasting = {"gate": "soak", "expires_at": at + timedelta(hours=1), "reason": "it burns"}
        exception = Except.model_validate(about | lasting | {"made_at": at - timedelta(minutes=3)})
        exceptions.append(rule(found, f"exception of prod by {person}", exception, person))
    return {"approvals": tuple(approvals), "exceptions": tuple(exceptions)}


def rule(found: Evidenced, name: str, ruling: Ruling, by: str) -> Digest:
    """A ruling about the release, signed by somebody."""
    return found.sign(name, ruling_statement(found.stored, ruling), by=by)


def _excepted(fields: dict[str, Any]) -> tuple[Excepted, ...]:
    bundles = fields.get("exceptions", ())
    if not bundles:
        return ()
    over = {"until": fields["granted_at"] + timedelta(hours=1), "why": "it burns"}
    return (Excepted(gate="soak", reason="too soon", by=("grace", "linus"), bundles=bundles, **over),)


def _earlier(found: Evidenced, at: datetime) -> Digest:
    """The grant of another release that prod held before."""
    other = stored_in(found.registry, LINE, COMMIT.model_copy(update={"id": "2" * 40}))
    grant = Grant(
        kind="promote",
        service="hello",
        environment="prod",
        release=other.digest,
        commit="2" * 40,
        promotion="earlier",
        fence=1,
        plan=digest_of(b"earlier"),
        policy=policy("prod"),
        granted_at=at - timedelta(days=7),
    )
    return found.sign("earlier grant of prod", grant_statement(other, grant), of=other.reference)
