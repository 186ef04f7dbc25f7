"""`EvidenceSigner` and `EvidenceVerifier`: the fake, keys, and identities at each kind of private Sigstore deployment."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.clients.ports import EvidenceSigner, EvidenceVerifier
from pratique.clients.sigstore import KeyEvidenceSigner, KeylessEvidenceSigner, OfflineEvidenceVerifier
from pratique.decisions.provenance import RunDetails, image_provenance, signature_statement
from pratique.errors import Invalid, Refused, Transient
from pratique.local.openbao import IDENTITY, IDENTITY_ROLE
from pratique.settings import KeylessSigning
from pratique.values.digest import digest_of
from pratique.values.evidence import IdentitySigner
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey
from tests.fakes.evidence import FakeEvidenceSigner, FakeEvidenceVerifier
from tests.fakes.stored_release import COMMIT, stored_release
from tests.fakes.vault import FakeVault
from tests.mutations import edits, flipped
from tests.services._private_sigstore.deployment import FULCIO, REKOR_V1, REKOR_V2, TIMESTAMP, PrivateSigstore
from tests.services._private_sigstore.encoding import new_key
from tests.services.openbao import ArrangedOpenBao

STORED = stored_release()
IMAGE = STORED.release.images[0].reference
SIGNATURE = signature_statement(IMAGE.repository, IMAGE.digest)
PROVENANCE = image_provenance(IMAGE, STORED.release.manifest.images[0], COMMIT, RunDetails(builder="https://example.test/b"))
PIPELINE, STRANGER = "pipeline@factory.test", "stranger@factory.test"


@dataclass(frozen=True)
class Parties:
    """One who signs, one who verifies, and whom an environment may trust."""

    signer: EvidenceSigner
    stranger: EvidenceSigner
    verifier: EvidenceVerifier
    trusted: Trusted
    trusted_stranger: Trusted


def fake() -> Parties:
    ours, theirs = FakeEvidenceSigner("ours"), FakeEvidenceSigner("theirs")
    return Parties(ours, theirs, FakeEvidenceVerifier(), ours.trusted, theirs.trusted)


def with_keys(arranged: FakeVault | ArrangedOpenBao) -> Parties:
    names = ("release-ours", "release-theirs")
    for name in names:
        arranged.create_key(name)
    trusted = (TrustedKey(pem=arranged.vault.public_key(name)[1]) for name in names)
    signers = (KeyEvidenceSigner(arranged.vault, name) for name in names)
    return Parties(*signers, OfflineEvidenceVerifier(), *trusted)


def keyless(deployment: PrivateSigstore, configuration: str, identity: str = PIPELINE, **claims: Any) -> KeylessEvidenceSigner:
    trust_config = deployment.configurations[configuration]
    return KeylessEvidenceSigner(KeylessSigning(trust_config=trust_config), lambda: deployment.issuer.token(identity, **claims))


def trust_in(deployment: PrivateSigstore, identity: str = PIPELINE) -> TrustedIdentity:
    return TrustedIdentity(identity=identity, issuer=deployment.issuer.url, trusted_root=deployment.trusted_root)


def with_identities(deployment: PrivateSigstore, configuration: str) -> Parties:
    signers = (keyless(deployment, configuration, identity) for identity in (PIPELINE, STRANGER))
    trusted = (trust_in(deployment, identity) for identity in (PIPELINE, STRANGER))
    return Parties(*signers, OfflineEvidenceVerifier(), *trusted)


def with_vaults_tokens(deployment: PrivateSigstore, arranged: ArrangedOpenBao) -> Parties:
    issuer = f"{arranged.openbao.address}/v1/identity/oidc"
    deployment.fulcio.issuers[issuer] = f"{issuer}/.well-known/keys"
    usual = with_identities(deployment, "v2-timestamp")
    trust_config = deployment.configurations["v2-timestamp"]
    signer = KeylessEvidenceSigner(
        KeylessSigning(trust_config=trust_config, vault_role=IDENTITY_ROLE),
        lambda: arranged.vault.identity_token(IDENTITY_ROLE),
    )
    trusted = trust_in(deployment, IDENTITY).model_copy(update={"issuer": issuer})
    return replace(usual, signer=signer, trusted=trusted)


CONFIGURATIONS = ["v1", "v1-timestamp", "v2-timestamp"]


@pytest.fixture(params=["fake", "key", "transit", "vault-token", *CONFIGURATIONS])
def parties(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> Parties:
    match request.param:
        case "fake":
            return fake()
        case "key":
            return with_keys(FakeVault())
        case "transit":
            return with_keys(request.getfixturevalue("arranged_openbao"))
        case "vault-token":
            return with_vaults_tokens(private_sigstore, request.getfixturevalue("arranged_openbao"))
        case configuration:
            return with_identities(private_sigstore, configuration)


# What every signer and verifier keeps.


@pytest.mark.parametrize("statement", [SIGNATURE, PROVENANCE], ids=["signature", "provenance"])
def test_what_was_signed_is_found_with_its_signer(parties: Parties, statement: Any) -> None:
    bundle = parties.signer.sign(statement)
    found = parties.verifier.verify(bundle, [parties.trusted])
    assert found.statement == statement
    assert found.bundle == digest_of(bundle)
    assert found.signer != parties.verifier.verify(parties.stranger.sign(statement), [parties.trusted_stranger]).signer


def test_a_bundle_is_a_sigstore_bundle_of_version_0_3(parties: Parties) -> None:
    bundle = json.loads(parties.signer.sign(SIGNATURE))
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert base64.b64decode(bundle["dsseEnvelope"]["payload"]) == SIGNATURE.payload()


def test_any_of_several_trusted_signers_is_enough(parties: Parties) -> None:
    bundle = parties.signer.sign(SIGNATURE)
    assert parties.verifier.verify(bundle, [parties.trusted_stranger, parties.trusted]).statement == SIGNATURE


def test_a_stranger_is_refused(parties: Parties) -> None:
    with pytest.raises(Refused) as refused:
        parties.verifier.verify(parties.stranger.sign(SIGNATURE), [parties.trusted])
    assert len(refused.value.reasons) == 2


def test_nobody_is_trusted_by_default(parties: Parties) -> None:
    with pytest.raises(Refused):
        parties.verifier.verify(parties.signer.sign(SIGNATURE), [])


def test_changed_content_is_refused(parties: Parties) -> None:
    bundle = json.loads(parties.signer.sign(SIGNATURE))
    other = signature_statement(IMAGE.repository, digest_of(b"other"))
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(other.payload()).decode()
    with pytest.raises(Refused):
        parties.verifier.verify(json.dumps(bundle).encode(), [parties.trusted])


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"no bundle", b"\xff", b'{"dsseEnvelope": 1}'])
def test_what_is_no_bundle_is_refused(parties: Parties, content: bytes) -> None:
    with pytest.raises(Refused):
        parties.verifier.verify(content, [parties.trusted])


# Bundles of one kind under trust of the other.


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def keyless_bundle(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> bytes:
    return keyless(private_sigstore, request.param).sign(SIGNATURE)


def test_a_key_is_not_trusted_for_a_certificate(keyless_bundle: bytes, private_sigstore: PrivateSigstore) -> None:
    trusted = with_keys(FakeVault()).trusted
    with pytest.raises(Refused, match="signed with a certificate, not with this key"):
        OfflineEvidenceVerifier().verify(keyless_bundle, [trusted])
    assert OfflineEvidenceVerifier().verify(keyless_bundle, [trusted, trust_in(private_sigstore)]).statement == SIGNATURE


def test_an_identity_is_not_trusted_for_a_key(private_sigstore: PrivateSigstore) -> None:
    parties = with_keys(FakeVault())
    with pytest.raises(Refused, match="which proves no identity"):
        parties.verifier.verify(parties.signer.sign(SIGNATURE), [trust_in(private_sigstore)])


# Whom a certificate names.


def test_the_signer_is_the_identity_with_its_issuer(keyless_bundle: bytes, private_sigstore: PrivateSigstore) -> None:
    found = OfflineEvidenceVerifier().verify(keyless_bundle, [trust_in(private_sigstore)])
    assert found.signer == IdentitySigner(identity=PIPELINE, issuer=private_sigstore.issuer.url)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"identity": STRANGER}, STRANGER),
        ({"identity": PIPELINE.upper()}, PIPELINE.upper()),
        ({"identity": "pipeline"}, "do not match pipeline"),
        ({"issuer": "https://accounts.google.com"}, r"OIDCIssuer does not match \(got 'http://127\.0\.0\.1"),
    ],
)
def test_another_identity_or_issuer_is_refused_and_named(
    keyless_bundle: bytes, private_sigstore: PrivateSigstore, changed: dict[str, str], reason: str
) -> None:
    trusted = trust_in(private_sigstore).model_copy(update=changed)
    with pytest.raises(Refused, match=reason):
        OfflineEvidenceVerifier().verify(keyless_bundle, [trusted])


@pytest.mark.parametrize("part", ["tlogs", "certificateAuthorities", "ctlogs"])
def test_a_root_without_one_of_its_parts_is_refused(
    keyless_bundle: bytes, private_sigstore: PrivateSigstore, tmp_path: Path, part: str
) -> None:
    root = tmp_path / "trusted_root.json"
    root.write_text(json.dumps(json.loads(private_sigstore.trusted_root.read_text()) | {part: []}))
    with pytest.raises(Refused):
        OfflineEvidenceVerifier().verify(keyless_bundle, [trust_in(private_sigstore).model_copy(update={"trusted_root": root})])


def test_another_deployment_is_refused(keyless_bundle: bytes, private_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    with PrivateSigstore(tmp_path) as other:
        trusted = trust_in(private_sigstore).model_copy(update={"trusted_root": other.trusted_root})
    with pytest.raises(Refused):
        OfflineEvidenceVerifier().verify(keyless_bundle, [trusted])


def test_the_public_instance_does_not_vouch_for_a_private_one(keyless_bundle: bytes, private_sigstore: PrivateSigstore) -> None:
    with pytest.raises(Refused):
        OfflineEvidenceVerifier().verify(keyless_bundle, [trust_in(private_sigstore).model_copy(update={"trusted_root": None})])


# No damage passes: refused, or the very same content.


def accepted_only_unchanged(bundle: bytes, deployment: PrivateSigstore) -> None:
    with contextlib.suppress(Refused):
        found = OfflineEvidenceVerifier().verify(bundle, [trust_in(deployment)])
        assert found.statement == SIGNATURE
        assert found.signer == IdentitySigner(identity=PIPELINE, issuer=deployment.issuer.url)


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(position=st.integers(min_value=0, max_value=2**16), mask=st.integers(min_value=1, max_value=255))
def test_no_flipped_byte_is_accepted(
    keyless_bundle: bytes, private_sigstore: PrivateSigstore, position: int, mask: int
) -> None:
    accepted_only_unchanged(flipped(keyless_bundle, position, mask), private_sigstore)


def test_no_edit_of_any_field_is_accepted(keyless_bundle: bytes, private_sigstore: PrivateSigstore) -> None:
    for edited in edits(json.loads(keyless_bundle)):
        accepted_only_unchanged(json.dumps(edited).encode(), private_sigstore)


ENCODED = [
    ("verificationMaterial", "certificate", "rawBytes"),
    ("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"),
    ("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"),
]


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(ENCODED),
    position=st.integers(min_value=0, max_value=2**16),
    mask=st.integers(min_value=1, max_value=255),
)
def test_no_flipped_byte_inside_an_encoded_part_is_accepted(
    keyless_bundle: bytes, private_sigstore: PrivateSigstore, path: tuple[Any, ...], position: int, mask: int
) -> None:
    bundle = json.loads(keyless_bundle)
    part: Any = bundle
    try:
        for key in path[:-1]:
            part = part[key]
    except (KeyError, IndexError):
        return  # this deployment has no timestamp authority
    part[path[-1]] = base64.b64encode(flipped(base64.b64decode(part[path[-1]]), position, mask)).decode()
    accepted_only_unchanged(json.dumps(bundle).encode(), private_sigstore)


# Services that fail, or lie.


@pytest.fixture
def failing(private_sigstore: PrivateSigstore) -> Iterator[PrivateSigstore]:
    before = dict(private_sigstore.answers)
    yield private_sigstore
    private_sigstore.answers.update(before)
    private_sigstore.rekor.checkpoint_key = private_sigstore.rekor.key


@pytest.mark.parametrize(
    ("configuration", "place"),
    [("v1", FULCIO), ("v1", REKOR_V1), ("v2-timestamp", REKOR_V2), ("v1-timestamp", TIMESTAMP), ("v2-timestamp", TIMESTAMP)],
)
@pytest.mark.parametrize(("status", "kind"), [(503, Transient), (429, Transient), (400, Refused), (403, Refused)])
def test_a_service_that_answers_with_an_error_is_told_with_its_text(
    failing: PrivateSigstore, configuration: str, place: str, status: int, kind: type[Exception]
) -> None:
    failing.answers[place] = lambda _headers, _body: (status, {"code": status, "message": "not today"})
    with pytest.raises(kind, match=rf"{place} answered {status}: .*not today"):
        keyless(failing, configuration).sign(SIGNATURE)


@pytest.mark.parametrize(
    ("configuration", "place"), [("v1", FULCIO), ("v1", REKOR_V1), ("v2-timestamp", REKOR_V2), ("v1-timestamp", TIMESTAMP)]
)
@pytest.mark.parametrize("answer", [{}, [], b"", b"<html>", {"signedCertificateEmbeddedSct": None}, {"a": {"body": "x"}}])
def test_a_service_that_answers_nonsense_is_refused(
    failing: PrivateSigstore, configuration: str, place: str, answer: Any
) -> None:
    failing.answers[place] = lambda _headers, _body: (201, answer)
    with pytest.raises(Refused):
        keyless(failing, configuration).sign(SIGNATURE)


def test_services_that_are_away_are_asked_again(tmp_path: Path) -> None:
    with PrivateSigstore(tmp_path) as gone:
        signer = keyless(gone, "v1")
    with pytest.raises(Transient, match="did not answer: ConnectionError"):
        signer.sign(SIGNATURE)


@pytest.mark.parametrize("configuration", ["v1", "v2-timestamp"])
def test_a_log_that_signs_with_another_key_is_noticed_before_anything_is_published(
    failing: PrivateSigstore, configuration: str
) -> None:
    failing.rekor.checkpoint_key = new_key()
    with pytest.raises(Refused, match="the bundle just signed does not verify, nothing was published"):
        keyless(failing, configuration).sign(SIGNATURE)


def test_a_timestamp_that_nobody_trusts_is_noticed_before_anything_is_published(
    failing: PrivateSigstore, tmp_path: Path
) -> None:
    other = PrivateSigstore(tmp_path)
    with other:
        failing.answers[TIMESTAMP] = other.answers[TIMESTAMP]
        with pytest.raises(Refused, match="does not verify, nothing was published"):
            keyless(failing, "v1-timestamp").sign(SIGNATURE)


def _foreign(deployment: PrivateSigstore) -> str:
    return jwt.encode(
        jwt.decode(deployment.issuer.token(PIPELINE), options={"verify_signature": False}),
        new_key(),
        algorithm="ES256",
        headers={"kid": "tests"},
    )


@pytest.mark.parametrize(
    ("token", "kind", "said"),
    [
        (lambda _: "no token", Invalid, "identity token: cannot be used"),
        (lambda d: d.issuer.token(PIPELINE, aud="somebody else"), Invalid, "Audience doesn't match"),
        (lambda d: d.issuer.token(PIPELINE, exp=1), Invalid, "Signature has expired"),
        (lambda d: d.issuer.token(PIPELINE, email_verified=False), Refused, "answered 401: .*email_verified claim was false"),
        (lambda d: d.issuer.token(PIPELINE, iss="https://evil.test"), Refused, "answered 401: .*is none of the issuers"),
        (_foreign, Refused, "answered 401: .*Signature verification failed"),
    ],
)
def test_a_token_that_does_not_serve_is_refused_and_not_repeated(
    private_sigstore: PrivateSigstore, token: Callable[[PrivateSigstore], str], kind: type[Refused], said: str
) -> None:
    raw = token(private_sigstore)
    settings_of_it = KeylessSigning(trust_config=private_sigstore.configurations["v1"])
    with pytest.raises(kind, match=said) as refused:
        KeylessEvidenceSigner(settings_of_it, lambda: raw).sign(SIGNATURE)
    assert raw not in str(refused.value)


@pytest.mark.parametrize("missing", ["caUrls", "rekorTlogUrls"])
def test_a_configuration_without_a_service_is_invalid(private_sigstore: PrivateSigstore, tmp_path: Path, missing: str) -> None:
    config = json.loads(private_sigstore.configurations["v1"].read_text())
    config["signingConfig"][missing] = []
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    with pytest.raises(Invalid, match="Sigstore's signing configuration"):
        KeylessEvidenceSigner(KeylessSigning(trust_config=file), lambda: "never asked for").sign(SIGNATURE)
