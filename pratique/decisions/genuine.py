"""Whether a release is what it says it is, whatever any environment thinks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pratique.decisions.evidence import Gathered
from pratique.decisions.gates import everything_has_provenance, everything_is_signed
from pratique.decisions.situation import Situation
from pratique.values.decision import Decision, all_of
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.release import StoredRelease
from pratique.values.trust import Trusted


def is_genuine(
    stored: StoredRelease,
    evidence: Sequence[Gathered],
    trusted: Sequence[Trusted],
    origins: Mapping[str, str] | None,
    now: datetime,
    *more: Callable[[Situation], Decision],
) -> Decision:
    """Whether the release and its images are signed, and made of its commit, as somebody says who is trusted; and `more`."""
    manifest = stored.release.manifest
    situation = Situation(
        stored=stored,
        environment=environment_of(manifest, next(iter(manifest.environments))),
        origins=None if origins is None else dict(origins),
        trusted=tuple(trusted),
        evidence=tuple(evidence),
        policy=digest_of(b""),
        now=now,
    )
    return all_of([gate(situation) for gate in (everything_is_signed, everything_has_provenance, *more)])
