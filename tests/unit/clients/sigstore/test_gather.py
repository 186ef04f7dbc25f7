from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pratique.clients.sigstore.gather import Attached, gather, sign_and_attach
from pratique.decisions.provenance import RunDetails, release_statements, signature_statement
from pratique.errors import Refused, Transient
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import SIGNATURE_PREDICATE, Statement
from pratique.values.release import RELEASE_TYPE, StoredRelease
from tests.fakes.evidence import FakeEvidenceSigner, FakeEvidenceVerifier
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import stored_release

CREATED = datetime(2026, 3, 1, tzinfo=UTC)
OURS, THEIRS = FakeEvidenceSigner("ours"), FakeEvidenceSigner("theirs")


def push_release(registry: FakeRegistry) -> StoredRelease:
    stored = stored_release()
    config = stored.release.model_dump_json().encode()
    digest = registry.push_artifact(stored.reference.repository, RELEASE_TYPE, config, (), {})
    return stored.model_copy(update={"digest": digest})


STORED = push_release(FakeRegistry())
REFERENCE = STORED.reference
SIGNATURE, PROVENANCE = release_statements(STORED, RunDetails(builder="https://example.test/builder"))


@pytest.fixture
def registry() -> FakeRegistry:
    """A registry that holds the release, and nothing about it yet."""
    registry = FakeRegistry()
    push_release(registry)
    return registry


def attach(registry: FakeRegistry, signer: FakeEvidenceSigner, *statements: Statement) -> list[Attached]:
    return [
        sign_and_attach(
            registry,
            signer,
            REFERENCE.repository,
            statement,
            REFERENCE.digest,
            created=CREATED,
            verifier=FakeEvidenceVerifier(),
            trusted=[OURS.trusted],
        )
        for statement in statements
    ]


def test_what_was_attached_is_gathered_for_the_release_and_each_image(registry: FakeRegistry) -> None:
    attach(registry, OURS, SIGNATURE, PROVENANCE)
    release, web, job = gather(registry, FakeEvidenceVerifier(), STORED, [OURS.trusted])
    assert release.reference == STORED.reference
    assert [found.statement for found in release.verified] == [SIGNATURE, PROVENANCE]
    assert release.is_signed
    assert [found.reference for found in (web, job)] == [image.reference for image in STORED.release.images]
    assert not web.verified
    assert web.why_not_signed() == "nothing is attached to it"


def test_a_bad_bundle_hides_no_good_one_and_its_reason_is_kept(registry: FakeRegistry) -> None:
    registry.attach(REFERENCE.repository, REFERENCE.digest, b"no bundle", SIGNATURE_PREDICATE, CREATED)
    attach(registry, THEIRS, SIGNATURE)
    attach(registry, OURS, SIGNATURE)
    release, *_ = gather(registry, FakeEvidenceVerifier(), STORED, [OURS.trusted])
    assert release.is_signed
    assert [reason.split(" ", 2)[2] for reason in release.rejected] == [
        "cannot be read: JSONDecodeError",
        "is not signed by anyone trusted; kind='key' pem='fake:ours' file=None trusted_root=None: no",
    ]


def test_nothing_counts_where_nobody_is_trusted(registry: FakeRegistry) -> None:
    attach(registry, OURS, SIGNATURE)
    release, *_ = gather(registry, FakeEvidenceVerifier(), STORED, [])
    assert not release.verified
    assert len(release.rejected) == 1


def test_a_registry_that_does_not_answer_is_no_missing_evidence(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bundles(repository: str, subject: Digest) -> tuple[bytes, ...]:
        raise Transient("503")

    monkeypatch.setattr(registry, "bundles", bundles)
    with pytest.raises(Transient):
        gather(registry, FakeEvidenceVerifier(), STORED, [OURS.trusted])


def test_the_same_statement_is_signed_and_attached_once(registry: FakeRegistry) -> None:
    (first,) = attach(registry, OURS, SIGNATURE)
    (second,) = attach(registry, OURS, SIGNATURE)
    assert first.reason == ""
    assert second.bundle == first.bundle
    assert "holds this https://sigstore.dev/cosign/sign/v1 already" in second.reason
    assert len(registry.bundles(REFERENCE.repository, REFERENCE.digest)) == 1


def test_another_statement_is_attached_beside_it(registry: FakeRegistry) -> None:
    attach(registry, OURS, SIGNATURE, PROVENANCE)
    assert len(registry.bundles(REFERENCE.repository, REFERENCE.digest)) == 2


def test_the_same_statement_by_a_stranger_does_not_stand_in_for_ours(registry: FakeRegistry) -> None:
    registry.attach(REFERENCE.repository, REFERENCE.digest, THEIRS.sign(SIGNATURE), SIGNATURE_PREDICATE, CREATED)
    (attached,) = attach(registry, OURS, SIGNATURE)
    assert attached.reason == ""
    assert len(registry.bundles(REFERENCE.repository, REFERENCE.digest)) == 2


def test_a_statement_about_something_else_is_not_attached(registry: FakeRegistry) -> None:
    other = signature_statement("hello/images/web", digest_of(b"other"))
    with pytest.raises(Refused, match="does not speak of hello/releases@sha256:"):
        attach(registry, OURS, other)
    assert not registry.attached
