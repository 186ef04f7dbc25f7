"""Evidence verified without asking anybody: key bundles here, certificate bundles by sigstore-python."""

from __future__ import annotations

from collections.abc import Sequence

from sigstore.models import Bundle
from sigstore.verify.policy import Identity

from pratique.clients.sigstore.bundle import CertificateEnvelope, KeyEnvelope, read_bundle
from pratique.clients.sigstore.keys import trusted_keys
from pratique.clients.sigstore.roots import verifier_for
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
        if not trusted:
            raise Refused(f"bundle {envelope.bundle}: nobody is trusted, so nobody's signature counts")
        reasons: list[str] = []
        for signer in trusted:
            try:
                payload, signed_by = _signed_by(envelope, signer)
            except Refused as no:
                reasons.extend(no.reasons)
            else:
                return VerifiedStatement(statement=read_statement(payload), signer=signed_by, bundle=envelope.bundle)
        raise Refused(f"bundle {envelope.bundle} is not signed by anyone trusted", *reasons)


def _signed_by(envelope: KeyEnvelope | CertificateEnvelope, signer: Trusted) -> tuple[bytes, Signer]:
    match envelope, signer:
        case KeyEnvelope(), TrustedKey():
            return _signed_by_key(envelope, signer)
        case CertificateEnvelope(), TrustedIdentity():
            return _signed_by_identity(envelope, signer)
        case KeyEnvelope(), TrustedIdentity():
            raise Refused(f"{_named(signer)}: the bundle is signed with a bare key, which proves no identity")
        case _:
            raise Refused(f"{_named(signer)}: the bundle is signed with a certificate, not with this key")


def _signed_by_key(envelope: KeyEnvelope, trusted: TrustedKey) -> tuple[bytes, Signer]:
    keys = trusted_keys(trusted)
    key = next((key for key in keys if key.hint == envelope.hint), None)
    if key is None:
        known = ", ".join(key.hint for key in keys)
        raise Refused(f"{_named(trusted)}: the bundle names the key {envelope.hint[:100]!r}, this is {known}")
    if not key.signed(envelope.signature, pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)):
        raise Refused(f"{_named(trusted)}: the signature does not fit the content, one of them was changed")
    return envelope.payload, KeySigner(hint=key.hint)


def _signed_by_identity(envelope: CertificateEnvelope, trusted: TrustedIdentity) -> tuple[bytes, Signer]:
    verifier = verifier_for(trusted.trusted_root)
    policy = Identity(identity=trusted.identity, issuer=trusted.issuer)
    try:
        payload_type, payload = verifier.verify_dsse(Bundle.from_json(envelope.content), policy)
    except Exception as error:  # noqa: BLE001 - a crafted bundle makes the parsers below sigstore-python raise nearly anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise Refused(f"{_named(trusted)}: {reason}") from None
    if payload_type != PAYLOAD_TYPE:
        raise Refused(f"{_named(trusted)}: the payload is of another type than {PAYLOAD_TYPE}")
    return payload, IdentitySigner(identity=trusted.identity, issuer=trusted.issuer)


def _named(signer: Trusted) -> str:
    match signer:
        case TrustedKey(file=None):
            return "trusted key"
        case TrustedKey():
            return f"trusted key {signer.file}"
        case TrustedIdentity():
            return f"trusted identity {signer.identity} of {signer.issuer}"
