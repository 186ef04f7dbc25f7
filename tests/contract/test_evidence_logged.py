"""Keys whose signatures must be in a transparency log, and roots whose parts have ended: against the private deployment."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from pratique.clients.sigstore import KeylessEvidenceSigner, OfflineEvidenceVerifier
from pratique.clients.sigstore.artifact import verify_artifact
from pratique.clients.sigstore.bundle import write_key_bundle
from pratique.clients.sigstore.keys import read_keys
from pratique.decisions.dsse import pre_authentication_encoding
from pratique.decisions.provenance import signature_statement
from pratique.errors import Refused
from pratique.settings import KeylessSigning
from pratique.values.digest import digest_of, hex_of
from pratique.values.evidence import PAYLOAD_TYPE, KeySigner
from pratique.values.trust import TrustedIdentity, TrustedKey
from tests.mutations import edits
from tests.services._private_sigstore.deployment import TIMESTAMP, PrivateSigstore
from tests.services._private_sigstore.encoding import ECDSA, base64_of, new_key, spki

ARTIFACT = b"hello\n"
STATEMENT = signature_statement("hello/images/web", digest_of(ARTIFACT))
OTHER = signature_statement("hello/images/web", digest_of(b"other"))
KEY = new_key()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SIGNER = KeySigner(hint=read_keys(PEM, "test")[0].hint)
VERIFIER = OfflineEvidenceVerifier()

Bundle = dict[str, Any]
Change = Callable[[Bundle], None]


def envelope_of(payload: bytes) -> Bundle:
    signature = KEY.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload), ECDSA)
    found: Bundle = json.loads(write_key_bundle(payload, signature, SIGNER.hint))
    return found


def in_log_v1(deployment: PrivateSigstore, bundle: Bundle) -> Bundle:
    """What a client makes of the answer of Rekor v1."""
    proposed = {"envelope": json.dumps(bundle["dsseEnvelope"]), "verifiers": [base64_of(PEM)]}
    request = {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": proposed}}
    (answer,) = deployment.rekor.log_v1({}, json.dumps(request).encode())[1].values()
    proof = answer["verification"]["inclusionProof"]
    entry = {
        "logIndex": str(answer["logIndex"]),
        "logId": {"keyId": base64_of(bytes.fromhex(answer["logID"]))},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(answer["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": answer["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": base64_of(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [base64_of(bytes.fromhex(node)) for node in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": answer["body"],
    }
    return with_entries(bundle, entry)


def in_log_v2(deployment: PrivateSigstore, bundle: Bundle) -> Bundle:
    if "dsseEnvelope" in bundle:
        envelope = bundle["dsseEnvelope"]
        signed = pre_authentication_encoding(envelope["payloadType"], base64.b64decode(envelope["payload"]))
        signature = envelope["signatures"][0]["sig"]
    else:
        signed, signature = ARTIFACT, bundle["messageSignature"]["signature"]
    verifier = {"publicKey": {"rawBytes": base64_of(spki(KEY.public_key()))}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    asked = {
        "digest": base64_of(bytes.fromhex(hex_of(digest_of(signed)))),
        "signature": {"content": signature, "verifier": verifier},
    }
    status, entry = deployment.rekor.log_v2({}, json.dumps({"hashedRekordRequestV002": asked}).encode())
    assert status == 201, entry
    return with_entries(bundle, entry)


LOGS = {"v1": in_log_v1, "v2": in_log_v2}


def with_entries(bundle: Bundle, *entries: Bundle) -> Bundle:
    return bundle | {"verificationMaterial": bundle["verificationMaterial"] | {"tlogEntries": list(entries)}}


def signed_artifact() -> Bundle:
    message = {"messageDigest": {"algorithm": "SHA2_256", "digest": base64_of(bytes.fromhex(hex_of(digest_of(ARTIFACT))))}}
    bundle = envelope_of(b"") | {"messageSignature": message | {"signature": base64_of(KEY.sign(ARTIFACT, ECDSA))}}
    del bundle["dsseEnvelope"]
    return bundle


@pytest.fixture(scope="module", params=LOGS)
def logged(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> Bundle:
    return LOGS[request.param](private_sigstore, envelope_of(STATEMENT.payload()))


@pytest.fixture
def trusted(private_sigstore: PrivateSigstore) -> TrustedKey:
    return TrustedKey(pem=PEM.decode(), trusted_root=private_sigstore.trusted_root)


def raw(bundle: Bundle) -> bytes:
    return json.dumps(bundle).encode()


def edited_root(root: Path, folder: Path, change: Change) -> Path:
    content, file = json.loads(root.read_text()), folder / "edited_root.json"
    change(content)
    file.write_text(json.dumps(content))
    return file


def period(part: str, **moments: datetime) -> Change:
    """The change of a root that gives every one of a part's keys another period."""

    def change(root: Bundle) -> None:
        for one in root[part]:
            holder = one if "validFor" in one else one["publicKey"]
            holder["validFor"] = holder["validFor"] | {name: moment.isoformat() for name, moment in moments.items()}

    return change


NOW = datetime.now(UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(minutes=2)


# Keys.


def test_a_logged_signature_is_by_its_key(logged: Bundle, trusted: TrustedKey) -> None:
    assert VERIFIER.verify(raw(logged), [trusted]).signer == SIGNER
    found = verify_artifact(raw(logged), ARTIFACT, [trusted])
    assert (found.signer, found.statement) == (SIGNER, STATEMENT)


def test_a_logged_signature_over_the_artifact_itself_is_by_its_key(
    private_sigstore: PrivateSigstore, trusted: TrustedKey
) -> None:
    bundle = raw(in_log_v2(private_sigstore, signed_artifact()))
    for artifact in (ARTIFACT, digest_of(ARTIFACT)):
        found = verify_artifact(bundle, artifact, [trusted])
        assert (found.signer, found.statement) == (SIGNER, None)
    for artifact in (b"other", digest_of(b"other")):
        with pytest.raises(Refused, match="about an artifact with another digest"):
            verify_artifact(bundle, artifact, [trusted])


def test_a_root_of_logs_alone_is_enough_for_keys(logged: Bundle, trusted: TrustedKey, tmp_path: Path) -> None:
    assert trusted.trusted_root is not None
    nobody = {"certificateAuthorities": [], "ctlogs": [], "timestampAuthorities": []}
    root = edited_root(trusted.trusted_root, tmp_path, lambda root: root.update(nobody))
    assert VERIFIER.verify(raw(logged), [trusted.model_copy(update={"trusted_root": root})]).signer == SIGNER


def test_an_entry_is_not_asked_for_where_no_root_is_named(logged: Bundle) -> None:
    for bundle in (logged, with_entries(logged)):
        assert VERIFIER.verify(raw(bundle), [TrustedKey(pem=PEM.decode())]).signer == SIGNER


def refused(bundle: Bundle, trusted: TrustedKey, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        VERIFIER.verify(raw(bundle), [trusted])
    with pytest.raises(Refused, match=reason):
        verify_artifact(raw(bundle), ARTIFACT, [trusted])


def test_a_signature_in_no_log_is_refused(logged: Bundle, trusted: TrustedKey) -> None:
    refused(with_entries(logged), trusted, "in no transparency log")


@pytest.mark.parametrize("version", LOGS)
def test_an_entry_about_another_signature_is_refused(
    private_sigstore: PrivateSigstore, logged: Bundle, trusted: TrustedKey, version: str
) -> None:
    (other,) = LOGS[version](private_sigstore, envelope_of(OTHER.payload()))["verificationMaterial"]["tlogEntries"]
    ours = logged["verificationMaterial"]["tlogEntries"]
    for entries in ([other], [*ours, other]):
        refused(with_entries(logged, *entries), trusted, "about another signature")


def test_an_entry_about_the_same_content_signed_again_is_refused(
    private_sigstore: PrivateSigstore, logged: Bundle, trusted: TrustedKey
) -> None:
    again = in_log_v1(private_sigstore, envelope_of(STATEMENT.payload()))["verificationMaterial"]["tlogEntries"]
    refused(with_entries(logged, *again), trusted, "about another signature")


def test_a_log_of_another_deployment_is_refused(logged: Bundle, trusted: TrustedKey, tmp_path: Path) -> None:
    with PrivateSigstore(tmp_path) as other:
        elsewhere = trusted.model_copy(update={"trusted_root": other.trusted_root})
    refused(logged, elsewhere, "checkpoint")


def test_an_entry_of_a_kind_that_says_nothing_of_the_signature_is_refused(
    private_sigstore: PrivateSigstore, trusted: TrustedKey
) -> None:
    bundle = in_log_v1(private_sigstore, envelope_of(STATEMENT.payload()))
    bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"]["kind"] = "rekord"
    refused(bundle, trusted, r"of the type rekord 0\.0\.1")
    artifact = with_entries(
        signed_artifact(), *in_log_v1(private_sigstore, envelope_of(STATEMENT.payload()))["verificationMaterial"]["tlogEntries"]
    )
    with pytest.raises(Refused, match=r"of the type dsse 0\.0\.1 is not read for such a signature"):
        verify_artifact(raw(artifact), ARTIFACT, [trusted])


def test_no_edit_of_any_field_of_a_logged_bundle_is_accepted(logged: Bundle, trusted: TrustedKey) -> None:
    for edited in edits(logged):
        with contextlib.suppress(Refused):
            found = VERIFIER.verify(raw(edited), [trusted])
            assert (found.statement, found.signer) == (STATEMENT, SIGNER)
        with contextlib.suppress(Refused):
            other = verify_artifact(raw(edited), ARTIFACT, [trusted])
            assert (other.statement, other.signer) == (STATEMENT, SIGNER)


@pytest.mark.parametrize("moments", [{"end": EARLIER}, {"start": LATER}], ids=["ended", "not begun"])
def test_a_log_that_was_not_valid_at_the_time_is_refused(
    logged: Bundle, trusted: TrustedKey, tmp_path: Path, moments: dict[str, datetime]
) -> None:
    assert trusted.trusted_root is not None
    root = edited_root(trusted.trusted_root, tmp_path, period("tlogs", **moments))
    refused(logged, trusted.model_copy(update={"trusted_root": root}), "no transparency log that was valid at")


def test_a_timestamp_tells_when_a_log_that_tells_no_time_was_asked(
    private_sigstore: PrivateSigstore, trusted: TrustedKey, tmp_path: Path
) -> None:
    bundle = in_log_v2(private_sigstore, envelope_of(STATEMENT.payload()))
    with PrivateSigstore(tmp_path) as other:
        ours, theirs = stamped(private_sigstore, bundle), stamped(other, bundle)
    assert trusted.trusted_root is not None
    root = edited_root(trusted.trusted_root, tmp_path, period("tlogs", end=datetime.now(UTC)))
    since_ended = trusted.model_copy(update={"trusted_root": root})
    assert VERIFIER.verify(raw(ours), [since_ended]).signer == SIGNER
    for without in (bundle, theirs):
        refused(without, since_ended, "no transparency log that was valid at")


def stamped(deployment: PrivateSigstore, bundle: Bundle) -> Bundle:
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    request = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(signature).build()
    status, answer = deployment.answers[TIMESTAMP]({}, request.as_bytes())
    assert status == 201, answer
    data = {"timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": base64_of(answer)}]}}
    return bundle | {"verificationMaterial": bundle["verificationMaterial"] | data}


# Certificates.


@pytest.fixture(scope="module", params=["v1", "v1-timestamp", "v2-timestamp"])
def keyless(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> bytes:
    settings = KeylessSigning(trust_config=private_sigstore.configurations[request.param])
    return KeylessEvidenceSigner(settings, lambda: private_sigstore.issuer.token("ada@example.test")).sign(STATEMENT)


@pytest.fixture
def ada(private_sigstore: PrivateSigstore) -> TrustedIdentity:
    issuer, root = private_sigstore.issuer.url, private_sigstore.trusted_root
    return TrustedIdentity(identity="ada@example.test", issuer=issuer, trusted_root=root)


PARTS = {
    "tlogs": "transparency log",
    "certificateAuthorities": "certificate authority",
    "ctlogs": "certificate transparency log",
}


@pytest.mark.parametrize("part", PARTS)
def test_what_ended_after_the_signature_counts_and_what_ended_before_does_not(
    keyless: bytes, ada: TrustedIdentity, tmp_path: Path, part: str
) -> None:
    assert ada.trusted_root is not None
    root = edited_root(ada.trusted_root, tmp_path, period(part, end=LATER))
    assert VERIFIER.verify(keyless, [ada.model_copy(update={"trusted_root": root})]).statement == STATEMENT
    # Authorities that begin later are left out by sigstore-python itself, in its own words.
    for moments, reason in (({"end": EARLIER}, "X"), ({"start": LATER}, "X|Fulcio certificates not found in trusted root")):
        root = edited_root(ada.trusted_root, tmp_path, period(part, **moments))
        with pytest.raises(Refused, match=reason.replace("X", f"no {PARTS[part]} that was valid at")):
            VERIFIER.verify(keyless, [ada.model_copy(update={"trusted_root": root})])
