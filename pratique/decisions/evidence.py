"""What was found attached to one digest, sorted into what counts and what does not."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.evidence import SIGNATURE_PREDICATE, Statement, VerifiedStatement
from pratique.values.references import ImageReference


class Gathered(Value):
    """The evidence attached to one image or release."""

    reference: ImageReference
    """What the evidence is attached to; what it speaks of is for the gates to compare."""
    verified: tuple[VerifiedStatement, ...] = ()
    """By somebody who is trusted there."""
    ruled: tuple[VerifiedStatement, ...] = ()
    """What people, and the pipelines of all environments, have decided about it; nothing else of theirs counts."""
    rejected: tuple[str, ...] = ()
    """For each bundle that did not verify: which one, and why."""

    def statements(self, predicate_type: str) -> tuple[Statement, ...]:
        """The verified statements of one predicate type, whatever they speak of."""
        return tuple(found.statement for found in self.verified if found.statement.predicate_type == predicate_type)

    @property
    def is_signed(self) -> bool:
        """Whether a trusted signer signed this very digest.

        Only cosign's own sign predicate counts: an attestation by the same signer says that something was found
        out about the digest, such as a failed scan, and not that it is approved of.
        """
        return any(statement.speaks_of(self.reference.digest) for statement in self.statements(SIGNATURE_PREDICATE))

    def why_not_signed(self) -> str:
        """What is attached instead of a signature, in one line."""
        found = [_instead_of_a_signature(verified.statement) for verified in self.verified]
        return "; ".join((*found, *self.rejected)) or "nothing is attached to it"


def _instead_of_a_signature(statement: Statement) -> str:
    if statement.predicate_type != SIGNATURE_PREDICATE:
        return f"an attestation of type {statement.predicate_type} is attached, which is no signature"
    subjects = ", ".join(f"{kind}:{digest}" for subject in statement.subject for kind, digest in subject.digest.items())
    return f"a signature is attached that speaks of {subjects or 'nothing'}"
