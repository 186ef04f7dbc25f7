"""Evidence verified without asking anybody: key bundles here, certificate bundles by sigstore-python."""

from __future__ import annotations

from collections.abc import Sequence

from sigstore.models import Bundle
from sigstore.verify.policy import Identity

from pratique.clients.sigstore.bundle import CertificateEnvelope, KeyEnvelope, read_any_bundle, read_bundle
from pratique.clients.sigstore.keys import trusted_keys
from pratique.clients.sigstore.log import KeySignature, require_logged
from pratique.clients.sigstore.roots import trusted_root
from pratique.clients.sigstore.trusting import asking, by_anyone
from pratique.decisions.dsse import pre_authentication_encoding, read_statement
from pratique.errors import Refused
from pratique.values.evidence import PAYLOAD_TYPE, IdentitySigner, KeySigner, Signer, VerifiedStatement
from pratique.values.trust import Trusted, TrustedIdentity, TrustedKey


class OfflineEvidenceVerifier:
    """Finds who of the trusted signers signed a bundle.

    What the statement speaks of, and of which type it is, is for the caller to compare:
    a bundle copied from one image to another verifies just as well.
    """

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        """The statement and its signer; refused with the reason of each trusted signer when none of them signed it."""
        envelope = read_bundle(bundle)
        payload, signer = by_anyone(envelope.bundle, trusted, lambda signer: _signed_by(envelope, signer))
        return VerifiedStatement(statement=read_statement(payload), signer=signer, bundle=envelope.bundle)


def _signed_by(envelope: KeyEnvelope | CertificateEnvelope, signer: Trusted) -> tuple[bytes, Signer]:
    with asking(signer):
        match envelope, signer:
            case KeyEnvelope(), TrustedKey():
                return _signed_by_key(envelope, signer)
            case CertificateEnvelope(), TrustedIdentity():
                return signed_by_identity(Bundle(read_any_bundle(envelope.content)), signer)
            case KeyEnvelope(), TrustedIdentity():
                raise Refused("the bundle is signed with a bare key, which proves no identity")
            case _:
                raise Refused("the bundle is signed with a certificate, not with this key")


def _signed_by_key(envelope: KeyEnvelope, trusted: TrustedKey) -> tuple[bytes, Signer]:
    keys = trusted_keys(trusted)
    key = next((key for key in keys if key.hint == envelope.hint), None)
    if key is None:
        known = ", ".join(key.hint for key in keys)
        raise Refused(f"the bundle names the key {envelope.hint[:100]!r}, this is {known}")
    message = pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)
    if not key.signed(envelope.signature, message):
        raise Refused("the signature does not fit the content, one of them was changed")
    if trusted.trusted_root is not None:
        material = read_any_bundle(envelope.content).verification_material
        made = KeySignature.over(message, key, envelope.signature, envelope.payload)
        require_logged(material, made, trusted_root(trusted.trusted_root))
    return envelope.payload, KeySigner(hint=key.hint)


def signed_by_identity(bundle: Bundle, trusted: TrustedIdentity) -> tuple[bytes, Signer]:
    """The statement in an envelope that this identity signed, and the identity."""
    verifier = trusted_root(trusted.trusted_root).verifier_of(bundle)
    payload_type, payload = verifier.verify_dsse(bundle, Identity(identity=trusted.identity, issuer=trusted.issuer))
    if payload_type != PAYLOAD_TYPE:
        raise Refused(f"the payload is of another type than {PAYLOAD_TYPE}")
    return payload, IdentitySigner(identity=trusted.identity, issuer=trusted.issuer)
