"""Rulings as verified statements, for tests of what they come to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pratique.decisions.evidence import Gathered
from pratique.decisions.rulings import ruling_statement
from pratique.values.digest import digest_of
from pratique.values.evidence import KeySigner, VerifiedStatement
from pratique.values.people import People
from pratique.values.release import StoredRelease
from pratique.values.ruling import RULINGS, Ruling
from tests.fakes.grants import BEGAN

PLAN, POLICY = digest_of(b"plan"), digest_of(b"policy")

PEOPLE = People.model_validate(
    {
        "persons": {
            name: {"emails": [f"{name}@example.test"], "trust": [{"kind": "key", "pem": name}]} for name in ("ada", "bob", "cy")
        },
        "groups": {"release-managers": ["bob", "cy"]},
    }
)
"""Ada is the author of the commit in `stored_release`."""


def ruled(stored: StoredRelease, kind: str, minute: int = 0, **fields: Any) -> Ruling:
    """A ruling of that kind, so many minutes after the first one; `fields` are changed from the usual."""
    usual: dict[str, Any] = {
        "kind": kind,
        "service": stored.release.service,
        "release": stored.digest,
        "commit": stored.release.commit.id,
        "made_at": BEGAN + timedelta(minutes=minute),
        "reason": "because",
    }
    match kind:
        case "approve" | "reject":
            usual |= {"environment": "prod", "plan": PLAN, "policy": POLICY}
        case "except":
            usual |= {"environment": "prod", "gate": "soak", "expires_at": BEGAN + timedelta(hours=2)}
        case "hold":
            usual |= {"environment": "prod", "promotion": "p"}
        case "lift":
            usual |= {"environment": "prod", "hold": digest_of(b"hold")}
    return RULINGS.validate_python(usual | fields)


def by(stored: StoredRelease, person: str, ruling: Ruling) -> VerifiedStatement:
    """The ruling as it comes out of a bundle that the person signed; the pipeline, where the name is empty."""
    statement = ruling_statement(stored, ruling)
    bundle = digest_of(person.encode() + statement.payload())
    return VerifiedStatement(statement=statement, signer=KeySigner(hint=person or "pipeline"), bundle=bundle, by=person)


def spoken(stored: StoredRelease, *statements: VerifiedStatement) -> Gathered:
    """The rulings as found at the release."""
    return Gathered(reference=stored.reference, ruled=statements)
