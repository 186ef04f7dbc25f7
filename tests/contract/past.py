"""A past to be told: releases that were made, promoted, approved of, held and revoked.

The ledger is real, the registry is if it is to be; everything is signed as the pipeline signs it, with keys that are in memory.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pratique.bootstrap import Clients
from pratique.clients import releases
from pratique.clients.ports import EvidenceSigner, Registry
from pratique.clients.registry import open_registry
from pratique.clients.sigstore import KeyEvidenceSigner
from pratique.decisions.granting import Earned
from pratique.decisions.provenance import RunDetails, image_statements, release_statements
from pratique.pipeline.grants import sign_grant
from pratique.pipeline.ruling import sign_by_person, sign_by_pipeline
from pratique.settings import Settings
from pratique.values.asked import Asked
from pratique.values.checks import CheckResult
from pratique.values.decision import Decision
from pratique.values.digest import Digest, digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import Statement
from pratique.values.facts import ApprovalFacts
from pratique.values.grant import GrantEvidence
from pratique.values.judged import Judged
from pratique.values.passage import Passage
from pratique.values.plan import Change, Plan
from pratique.values.promotion import Promotion, PromotionState, Standing
from pratique.values.references import ImageReference
from pratique.values.release import Release, ReleasedImage, StoredRelease
from pratique.values.ruling import Approve, Except, Hold, Ruling, SignedRuling
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import COMMIT, MANIFEST
from tests.fakes.vault import FakeVault
from tests.services.registry import RealRegistry

LEASE = timedelta(minutes=5)
POLICY = digest_of(b"policy")
PIPELINE, PEOPLE = "pratique", ("ada", "bob")
_numbers = itertools.count(1)


def plan_of(stored: StoredRelease) -> Plan:
    change = Change(kind="workload", name=stored.release.service, action="replace", detail=f"run {stored.digest[:19]}")
    return Plan(changes=(change,), desired=(stored.digest,))


@dataclass(frozen=True, slots=True)
class Factory(Clients):
    """A pipeline, its key, and those of two people."""

    site: RealRegistry | FakeRegistry = field(default_factory=FakeRegistry)
    keys: FakeVault = field(default_factory=FakeVault)

    @classmethod
    def at(cls, site: RealRegistry | FakeRegistry, ledger: str, **settings: Any) -> Factory:
        keys = FakeVault()
        for name in (PIPELINE, *PEOPLE):
            keys.create_key(name)
        trust = {name: [{"kind": "key", "pem": keys.public_key(name)[1]}] for name in (PIPELINE, *PEOPLE)}
        content = {
            "registry": {"address": "127.0.0.1:1" if isinstance(site, FakeRegistry) else site.address, "plain_http": True},
            "vault": {"login": {"method": "token", "token_file": "/nowhere"}},
            "ledger": {"url": ledger},
            "environments": {name: {"trust": trust[PIPELINE]} for name in MANIFEST.environments},
            "people": {name: {"emails": [f"{name}@example.test"], "trust": trust[name]} for name in PEOPLE},
            "unsafe_any_repository": True,
        }
        return cls(Settings.model_validate(content | settings), site, keys)

    def changed(self, **settings: Any) -> Factory:
        """The same pipeline under other settings."""
        return Factory(self.settings.model_copy(update=settings), self.site, self.keys)

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        if isinstance(self.site, FakeRegistry):
            yield self.site
            return
        with open_registry(self.settings.registry, self.site.credentials) as registry:
            yield registry

    @contextmanager
    def signer(self) -> Iterator[EvidenceSigner]:
        yield KeyEvidenceSigner(self.keys, PIPELINE)

    def make(self, service: str, built: datetime, **commit: Any) -> StoredRelease:
        """A release of a commit of its own, stored, signed, and on record."""
        commit_ = COMMIT.model_copy(update={"id": f"{next(_numbers):040x}", **commit})
        images = []
        with self.registry() as registry:
            for section in MANIFEST.images:
                repository = f"{service}/images/{section.name}"
                content = f"{section.name} of {commit_.id}".encode()
                digest = registry.push_artifact(repository, "application/vnd.example.image", content, [], {})
                images.append(ReleasedImage(name=section.name, reference=ImageReference(repository=repository, digest=digest)))
            infrastructure = releases.store_infrastructure(registry, service, f"infrastructure of {service}".encode())
            release = Release(
                service=service,
                commit=commit_,
                images=tuple(images),
                infrastructure=infrastructure,
                manifest=MANIFEST.model_copy(update={"service": service}),
            )
            stored = releases.store(registry, release)
        run = RunDetails(builder="https://example.test/builder", started=built - timedelta(minutes=1), finished=built)
        for image, section in zip(images, MANIFEST.images, strict=True):
            for statement in image_statements(image.reference, section, commit_, run):
                self.attach(image.reference, statement)
        for statement in release_statements(stored, RunDetails(builder="https://example.test/builder")):
            self.attach(stored.reference, statement)
        with self.ledger() as ledger:
            ledger.record_release(stored)
        return stored

    def attach(self, reference: ImageReference, statement: Statement, by: str = PIPELINE) -> Digest:
        """The digest of the bundle."""
        bundle = KeyEvidenceSigner(self.keys, by).sign(statement)
        with self.registry() as registry:
            registry.attach(reference.repository, reference.digest, bundle, statement.predicate_type, datetime.now(UTC))
        return digest_of(bundle)

    def begun(self, stored: StoredRelease, environment: str, **fields: Any) -> Promotion:
        promotion = Promotion(
            id=str(uuid.uuid4()),
            kind=fields.pop("kind", "promote"),
            service=stored.release.service,
            environment=environment,
            release=stored.digest,
            commit=stored.release.commit.id,
            requested_by="Ada <ada@example.test>",
            state=PromotionState.RUNNING,
            started_at=datetime.now(UTC),
            run_url=f"http://127.0.0.1:4200/runs/{next(_numbers)}",
            **fields,
        )
        with self.ledger() as ledger:
            ledger.begin(promotion)
        return promotion

    def promote(self, stored: StoredRelease, *environments: str, **how: Any) -> Promotion:
        """Granted in each of them, one after the other; the last one is given back."""
        granted = [self.finish(stored, self.begun(stored, name), **how) for name in environments]
        return granted[-1]

    def go_back(self, stored: StoredRelease, environment: str, reason: str) -> Promotion:
        """As `pratique rollback` does."""
        promotion = self.begun(stored, environment, kind="rollback", reason=reason)
        return self.finish(stored, promotion, reason=reason, holds=True)

    def finish(self, stored: StoredRelease, promotion: Promotion, **how: Any) -> Promotion:
        """The promotion, granted as the flows grant it; `tell_ledger=False`: killed before that."""
        before = self.standing(promotion.service, promotion.environment)
        with self.ledger() as ledger:
            lease = ledger.acquire(promotion.id, LEASE)
            assert lease is not None
            place = environment_of(stored.release.manifest, promotion.environment)
            passage = Passage(promotion=ledger.promotion(promotion.id), stored=stored, environment=place, lease=lease)
            approvals, excepted = tuple(how.get("approvals", ())), tuple(how.get("excepted", ()))
            words = [one.bundle for one in approvals] + [bundle for one in excepted for bundle in one.bundles]
            judged = Judged(
                decision=Decision(),
                besides_approval=Decision(),
                policy=POLICY,
                looked_at=tuple(how.get("looked_at", words)),
                excepted=excepted,
                approvals=approvals,
                at=datetime.now(UTC),
            )
            reason, address = how.get("reason", ""), f"127.0.0.1:{20000 + lease.fence}"
            checks = (CheckResult(name="healthy", passed=True, detail="200 OK", attempts=1, seconds=0.1),)
            earned = Earned(plan=plan_of(stored), judged=judged, before=before, address=address, checks=checks, reason=reason)
            evidence = sign_grant(self, passage, earned)
            if how.get("holds") and before is not None:
                self.hold(before.stored, promotion)
            if not how.get("tell_ledger", True):
                ledger.release(lease)
                return ledger.finish(promotion.id, PromotionState.ABANDONED, reason="its process died")
            granted = ledger.grant(promotion.id, lease, address, reason, evidence)
            ledger.release(lease)
        return granted

    def keep(self, stored: StoredRelease, environment: str) -> Promotion:
        """Granted again because there was nothing to do, by the same evidence."""
        before = self.standing(stored.release.service, environment)
        assert before is not None
        promotion = self.begun(stored, environment)
        with self.ledger() as ledger:
            lease = ledger.acquire(promotion.id, LEASE)
            assert lease is not None
            known = before.promotion
            assert known.evidence is not None
            evidence = GrantEvidence(bundle=known.evidence, at=datetime.now(UTC))
            granted = ledger.grant(promotion.id, lease, known.address, "nothing to do, because it is there", evidence)
            ledger.release(lease)
        return granted

    def fail(self, stored: StoredRelease, environment: str) -> Promotion:
        """Failed under the lock: it took a fence, and nobody signed it."""
        promotion = self.begun(stored, environment)
        with self.ledger() as ledger:
            assert ledger.acquire(promotion.id, LEASE) is not None
            return ledger.finish(promotion.id, PromotionState.FAILED, reason="check healthy failed")

    def wait(self, stored: StoredRelease, environment: str) -> Promotion:
        """Suspended until people have approved."""
        promotion = self.begun(stored, environment)
        with self.ledger() as ledger:
            return ledger.wait(promotion.id, "waits for approval", None, Asked(plan=plan_of(stored), policy=POLICY))

    def go_on(self, promotion: Promotion) -> Promotion:
        with self.ledger() as ledger:
            return ledger.go_on(promotion.id)

    def approved(self, stored: StoredRelease, environment: str, by: str, *, click: bool = False) -> ApprovalFacts:
        """An approval of the release's plan there, by a person's key, or by a click of somebody who says to be that one."""
        fields = {"plan": plan_of(stored).digest, "policy": POLICY, "environment": environment, "reason": "looks right"}
        ruling = Approve.model_validate(self.about(stored) | fields | {"clicked_by": by if click else ""})
        signed = self.rule(stored, ruling, PIPELINE if click else by)
        made_at = int(ruling.made_at.timestamp())
        return ApprovalFacts(
            kind="approve", by=by, is_click=click, plan=ruling.plan, policy=POLICY, made_at=made_at, bundle=signed.bundle
        )

    def excepted(self, stored: StoredRelease, environment: str, gate: str) -> tuple[Digest, ...]:
        """An exception, signed by both people."""
        about = self.about(stored)
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        ruling = Except.model_validate(
            about | {"environment": environment, "gate": gate, "reason": "the fix is in it", "expires_at": expires_at}
        )
        return tuple(self.rule(stored, ruling, by).bundle for by in PEOPLE)

    def hold(self, after: StoredRelease, promotion: Promotion) -> SignedRuling:
        place = {"environment": promotion.environment, "promotion": promotion.id}
        return self.rule(after, Hold.model_validate(self.about(after) | place | {"reason": "it was gone back from"}))

    def rule(self, stored: StoredRelease, ruling: Ruling, by: str = PIPELINE) -> SignedRuling:
        if by == PIPELINE:
            return sign_by_pipeline(self, stored, ruling)
        return sign_by_person(self, stored, ruling, KeyEvidenceSigner(self.keys, by))

    def standing(self, service: str, environment: str) -> Standing | None:
        """What the environment holds, as the ledger has it."""
        with self.ledger() as ledger, self.registry() as registry:
            held = ledger.granted(service, environment)
            return None if held is None else Standing(promotion=held, stored=releases.read(registry, service, held.release))

    @staticmethod
    def about(stored: StoredRelease) -> dict[str, Any]:
        release = stored.release
        now = datetime.now(UTC)
        return {"service": release.service, "release": stored.digest, "commit": release.commit.id, "made_at": now}
