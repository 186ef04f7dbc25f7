"""Any Sigstore bundle over any artifact, verified without asking anybody.

Evidence in a registry is read by `OfflineEvidenceVerifier`, which takes less: statements, in bundles of version 0.3.
This takes versions 0.1 to 0.3, over a statement or over the artifact itself, by a key or by an identity,
as the conformance cases of Sigstore have them (tests/contract/test_sigstore_conformance.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from sigstore.hashes import Hashed
from sigstore.models import Bundle
from sigstore.verify.policy import Identity
from sigstore_models.bundle.v1 import Bundle as AnyBundle
from sigstore_models.common.v1 import HashAlgorithm, MessageSignature
from sigstore_models.intoto import Envelope

from pratique.clients.sigstore.bundle import read_any_bundle
from pratique.clients.sigstore.keys import SignersKey, trusted_keys
from pratique.clients.sigstore.log import KeySignature, require_logged
from pratique.clients.sigstore.roots import trusted_root
from pratique.clients.sigstore.trusting import asking, by_anyone
from pratique.clients.sigstore.verifier import signed_by_identity
from pratique.decisions.dsse import pre_authentication_encoding, read_statement
from pratique.errors import Refused
from pratique.values._base import Value
from pratique.values.digest import Digest, digest_of, hex_of
from pratique.values.evidence import PAYLOAD_TYPE, IdentitySigner, KeySigner, Signer, Statement
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey


class VerifiedArtifact(Value):
    """Who signed, and what was said of the artifact."""

    signer: Signer
    statement: Statement | None
    """The artifact is a subject of it; None where the artifact itself is what was signed."""


def verify_artifact(bundle: bytes, artifact: bytes | Digest, trusted: Sequence[Trusted]) -> VerifiedArtifact:
    """Who of the trusted signers signed the artifact, which is given whole or by its digest; refused if none of them did.

    By its digest, what a P-384 or Ed25519 key signed cannot be verified: their signatures are over another hash, or none.
    An identity's signature over an artifact is read over sha256 alone, which is what Sigstore's clients make.
    """
    found = read_any_bundle(bundle)
    return by_anyone(digest_of(bundle), trusted, lambda signer: _signed_by(found, artifact, signer))


def _signed_by(bundle: AnyBundle, artifact: bytes | Digest, signer: Trusted) -> VerifiedArtifact:
    with asking(signer):
        if isinstance(signer, TrustedIdentity):
            return _signed_by_identity(Bundle(bundle), artifact, signer)
        if bundle.verification_material.public_key is None:
            raise Refused("the bundle is signed with a certificate, not with this key")
        return _signed_by_key(bundle, artifact, signer)


def _signed_by_identity(bundle: Bundle, artifact: bytes | Digest, signer: TrustedIdentity) -> VerifiedArtifact:
    digest = _digest(artifact)
    if bundle._dsse_envelope is not None:  # noqa: SLF001 - of the pinned release; there is no public way to tell
        payload, signed_by = signed_by_identity(bundle, signer)
        return VerifiedArtifact(signer=signed_by, statement=_statement_about(digest, payload))
    hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(hex_of(digest)))
    policy = Identity(identity=signer.identity, issuer=signer.issuer)
    trusted_root(signer.trusted_root).verifier_of(bundle).verify_artifact(hashed, bundle, policy)
    return VerifiedArtifact(signer=IdentitySigner(identity=signer.identity, issuer=signer.issuer), statement=None)


def _signed_by_key(bundle: AnyBundle, artifact: bytes | Digest, signer: TrustedKey) -> VerifiedArtifact:
    # The hint is not compared: only evidence of ours, and cosign's, is known to spell it as we do.
    made = [_made(bundle, artifact, key) for key in trusted_keys(signer)]
    by_key = next((one for one in made if one is not None), None)
    if by_key is None:
        raise Refused("the signature does not fit the artifact, or is by another key")
    if signer.trusted_root is not None:
        require_logged(bundle.verification_material, by_key, trusted_root(signer.trusted_root))
    statement = None if by_key.payload is None else _statement_about(_digest(artifact), by_key.payload)
    return VerifiedArtifact(signer=KeySigner(hint=by_key.key.hint), statement=statement)


def _made(bundle: AnyBundle, artifact: bytes | Digest, key: SignersKey) -> KeySignature | None:
    if bundle.dsse_envelope is not None:
        return _made_over_envelope(bundle.dsse_envelope, key)
    assert bundle.message_signature is not None  # noqa: S101 - the model holds exactly one of the two
    return _made_over_artifact(bundle.message_signature, artifact, key)


def _made_over_envelope(envelope: Envelope, key: SignersKey) -> KeySignature | None:
    if envelope.payload_type != PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise Refused(f"expected one signature over a payload of the type {PAYLOAD_TYPE}")
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    signature = envelope.signatures[0].sig
    return KeySignature.over(message, key, signature, envelope.payload) if key.signed(signature, message) else None


def _made_over_artifact(message: MessageSignature, artifact: bytes | Digest, key: SignersKey) -> KeySignature | None:
    told = message.message_digest
    if told is not None and told.algorithm is HashAlgorithm.SHA2_256 and told.digest.hex() != hex_of(_digest(artifact)):
        raise Refused("the bundle is about an artifact with another digest")
    if isinstance(artifact, bytes):
        fits = key.signed(message.signature, artifact)
        return KeySignature.over(artifact, key, message.signature) if fits else None
    digest = bytes.fromhex(hex_of(artifact))
    fits = key.hash_name == "sha256" and key.signed_digest(message.signature, digest)
    return KeySignature(key, message.signature, digest, None) if fits else None


def _statement_about(digest: Digest, payload: bytes) -> Statement:
    statement = read_statement(payload)
    if not statement.speaks_of(digest):
        raise Refused(f"the statement that was signed does not speak of {digest}")
    return statement


def _digest(artifact: bytes | Digest) -> Digest:
    return digest_of(artifact) if isinstance(artifact, bytes) else artifact
