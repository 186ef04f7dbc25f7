"""A chain of grants as signed statements, for tests that break one link of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pratique.decisions.chain import grant_statement
from pratique.decisions.evidence import Gathered
from pratique.values.digest import Digest, digest_of
from pratique.values.evidence import KeySigner, VerifiedStatement
from pratique.values.grant import Grant, Link
from pratique.values.release import StoredRelease

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(days=1)
SIGNER = KeySigner(hint="k")


def granted(stored: StoredRelease, environment: str, minute: int, upstream: Mapping[str, Digest], **changed: Any) -> Grant:
    """A grant in the environment, so many minutes after the first one."""
    fields: dict[str, Any] = {
        "kind": "promote",
        "service": stored.release.service,
        "environment": environment,
        "release": stored.digest,
        "commit": stored.release.commit.id,
        "promotion": f"promotion-{minute}",
        "fence": minute + 1,
        "plan": digest_of(b"plan"),
        "policy": digest_of(b"policy"),
        "granted_at": BEGAN + timedelta(minutes=minute),
        "upstream": tuple(Link(environment=name, grant=digest) for name, digest in upstream.items()),
    }
    return Grant.model_validate(fields | changed)


def signed(stored: StoredRelease, grant: Grant, subject: StoredRelease | None = None) -> VerifiedStatement:
    """The grant as it comes out of a verified bundle, its digest made of its content."""
    statement = grant_statement(subject or stored, grant)
    return VerifiedStatement(statement=statement, signer=SIGNER, bundle=digest_of(statement.payload()))


def chain(stored: StoredRelease, through: str = "prod") -> dict[str, VerifiedStatement]:
    """A grant in each environment, upstream first, up to and with `through`."""
    found: dict[str, VerifiedStatement] = {}
    for minute, (name, section) in enumerate(stored.release.manifest.environments.items()):
        upstream = {before: found[before].bundle for before in section.after}
        found[name] = signed(stored, granted(stored, name, minute, upstream))
        if name == through:
            break
    return found


def attached(stored: StoredRelease, statements: Sequence[VerifiedStatement]) -> Gathered:
    """The statements as found at the release."""
    return Gathered(reference=stored.reference, verified=tuple(statements))
