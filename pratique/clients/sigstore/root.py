"""One deployment's trusted root, of which only that counts which was valid at the time.

Format: `sigstore_trustroot.proto` of github.com/sigstore/protobuf-specs, whose periods include their ends.
sigstore-python reads the periods of timestamp authorities only, and these without their last moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from cryptography.x509 import load_der_x509_certificate
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response
from sigstore._internal.trust import KeyringPurpose, RekorKeyring
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore_models.common.v1 import RFC3161SignedTimestamp, TimeRange
from sigstore_models.trustroot.v1 import CertificateAuthority, TransparencyLogInstance
from sigstore_models.trustroot.v1 import TrustedRoot as Content

from pratique.errors import Refused

_PARTS = {
    "tlogs": "transparency log",
    "certificate_authorities": "certificate authority",
    "ctlogs": "certificate transparency log",
}


class Root:
    """Certificate authorities, logs and timestamp authorities of one deployment."""

    def __init__(self, content: Content) -> None:
        self._content = content.model_copy(deep=True)
        for authority in self._content.timestamp_authorities:
            if authority.valid_for.end is not None:
                # What a timestamp tells is never finer: so the end itself is within the period, and nothing after it.
                authority.valid_for.end += timedelta(microseconds=1)

    @cached_property
    def trusted(self) -> TrustedRoot:
        """As sigstore-python has it."""
        return TrustedRoot(self._content)

    @cached_property
    def verifier(self) -> Verifier:
        """A verifier that trusts everything in this root, at whatever time."""
        return Verifier(trusted_root=self.trusted)

    @cached_property
    def logs(self) -> RekorKeyring:
        """The keys of its transparency logs."""
        return self.trusted.rekor_keyring(KeyringPurpose.VERIFY)

    def verifier_of(self, bundle: Bundle) -> Verifier:
        """A verifier that trusts what was valid when the bundle was signed; it still has to verify when that was."""
        times = self.verifier._establish_time(bundle)  # noqa: SLF001 - of the pinned release; there is no public way
        return self.at([time.time for time in times], *_PARTS).verifier

    def at(self, moments: Sequence[datetime], *parts: str) -> Root:
        """This root with those of its `parts` that were valid at every one of the moments; refused where none was."""
        kept = {part: [one for one in getattr(self._content, part) if _covers(_period(one), moments)] for part in parts}
        for part, found in kept.items():
            if not found:
                told = " and ".join(str(moment) for moment in moments)
                raise Refused(f"the trusted root has no {_PARTS[part]} that was valid at {told}")
        if all(len(found) == len(getattr(self._content, part)) for part, found in kept.items()):
            return self
        return Root(self._content.model_copy(update=kept))

    def stamped(self, timestamps: Iterable[RFC3161SignedTimestamp], signature: bytes) -> list[datetime]:
        """When timestamp authorities of this root saw the signature; what others say does not count."""
        responses = [decode_timestamp_response(timestamp.signed_timestamp) for timestamp in timestamps]
        authorities = self._content.timestamp_authorities
        return [
            response.tst_info.gen_time
            for response in responses
            if any(_vouches(authority, response, signature) for authority in authorities)
        ]


def _vouches(authority: CertificateAuthority, response: TimeStampResponse, signature: bytes) -> bool:
    leaf, *above = (load_der_x509_certificate(one.raw_bytes) for one in authority.cert_chain.certificates)
    builder = VerifierBuilder().tsa_certificate(leaf)
    for certificate in above[:-1]:
        builder = builder.add_intermediate_certificate(certificate)
    for certificate in above[-1:]:
        builder = builder.add_root_certificate(certificate)
    try:
        builder.build().verify_message(response, signature)
    except VerificationError:
        return False
    return _covers(authority.valid_for, [response.tst_info.gen_time])


def _period(part: CertificateAuthority | TransparencyLogInstance) -> TimeRange | None:
    return part.valid_for if isinstance(part, CertificateAuthority) else part.public_key.valid_for


def _covers(period: TimeRange | None, moments: Sequence[datetime]) -> bool:
    return period is None or all(period.start <= moment and (period.end is None or moment <= period.end) for moment in moments)
