"""A verifier that asks another once about each bundle and each signer, however many environments trust that one."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.clients.ports import EvidenceVerifier
from pratique.errors import Invalid, Refused
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import VerifiedStatement
from pratique.values.trust import Trusted

_Answer = VerifiedStatement | Refused


class RememberingVerifier:
    """`EvidenceVerifier` for as long as one proof takes: keys and roots are taken to be the same until its end."""

    def __init__(self, verifier: EvidenceVerifier) -> None:
        self._verifier = verifier
        self._known: dict[tuple[Digest, Trusted], _Answer] = {}

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        """As the other verifier says of each of `trusted`, one after the other."""
        digest = digest_of(bundle)
        reasons: list[str] = []
        for signer in trusted:
            answer = self._ask(digest, bundle, signer)
            if isinstance(answer, VerifiedStatement):
                return answer
            if isinstance(answer, Invalid):
                raise answer
            reasons += [reason for reason in answer.reasons if reason not in reasons]
        if not trusted:
            return self._verifier.verify(bundle, ())
        raise Refused(*reasons)

    def _ask(self, digest: Digest, bundle: bytes, signer: Trusted) -> _Answer:
        key = (digest, signer)
        if key not in self._known:
            try:
                self._known[key] = self._verifier.verify(bundle, [signer])
            except Refused as no:
                self._known[key] = no
        return self._known[key]
