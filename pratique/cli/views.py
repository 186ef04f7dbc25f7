"""What the reading commands show, as rows: the same for people and for programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pratique.cli.opening import clients
from pratique.errors import Invalid, Refused
from pratique.values.digest import DIGEST_PATTERN, hex_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pratique.clients.ports import Ledger
    from pratique.values.plan import Change
    from pratique.values.promotion import Promotion
    from pratique.values.release import StoredRelease


SEARCHED = 1000
"""Among so many of a service's newest releases one is looked for by the beginning of its digest or commit."""

SHORTEST = 4
"""Hex digits of such a beginning."""

LATELY = 100
"""So many rulings of a kind are looked at, the newest."""


def chosen_release(service: str, wanted: str | None) -> StoredRelease:
    """The release of that digest, the one whose digest or commit begins so, or the service's newest one.

    `Refused` where none begins so, or several do.
    """
    if wanted is None:
        return _on_record(service, limit=1)[0]
    if re.fullmatch(DIGEST_PATTERN, wanted):
        from pratique.clients.releases import read

        with clients().registry() as registry:
            return read(registry, service, wanted)
    return _beginning(service, wanted)


def _on_record(service: str, limit: int) -> Sequence[StoredRelease]:
    with clients().ledger() as ledger:
        known = ledger.releases(service, limit)
    if not known:
        raise Refused(f"no release of {service!r} is on record: `pratique deliver` makes one")
    return known


def _beginning(service: str, wanted: str) -> StoredRelease:
    """The one release whose digest, or whose commit where no digest is meant, begins with these hex digits."""
    digits, remedy = wanted.lower().removeprefix("sha256:"), f"`pratique releases {service}` lists them"
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST},64}}", digits):
        raise Invalid("--release", f"{wanted!r} is no digest or commit, nor {SHORTEST} hex digits or more of one", remedy)
    by_commit = not wanted.startswith("sha256:")
    found = [
        one
        for one in _on_record(service, SEARCHED)
        if hex_of(one.digest).startswith(digits) or (by_commit and one.release.commit.id.startswith(digits))
    ]
    if not found:
        raise Refused(f"no release of {service!r} has a digest or a commit that begins with {digits}: {remedy}")
    if len(found) > 1:
        several = ", ".join(f"{one.digest} (commit {one.release.commit.short})" for one in found[:5])
        raise Refused(f"{len(found)} releases of {service!r} begin with {digits}: {several}; write more of its digits")
    return found[0]


def change_rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    """What would change, one row each."""
    return [{"change": one.action, "what": f"{one.kind} {one.name}", "how": one.detail} for one in changes]


def held_rows(service: str | None = None) -> list[dict[str, object]]:
    """What is where, one row for each environment of each service."""
    from pratique.pipeline.places import holds_since, require_known, upstream_first

    rows: list[dict[str, object]] = []
    with clients().ledger() as ledger:
        require_known(ledger, service)
        for name, environment in upstream_first(ledger, service):
            held, holder = ledger.granted(name, environment), ledger.holder(name, environment)
            waiting = ledger.waiting(name, environment)
            rows.append(
                {
                    "service": name,
                    "environment": environment,
                    "commit": held.commit[:12] if held else None,
                    "release": held.release if held else None,
                    "address": f"http://{held.address}" if held and held.address else None,
                    "status": _gravest(ledger, name, environment, held) or _standing(held, holder, waiting),
                    "since": holds_since(ledger, held) if held else None,
                    "seconds": _seconds(held) if held else None,
                    "note": _note(holder, waiting) or (held.reason if held else None),
                }
            )
    return rows


def queue_rows(service: str | None = None, environment: str | None = None) -> list[dict[str, object]]:
    """Who holds each environment and who waits for it, in their order; then who waits for its time."""
    from pratique.pipeline.lock import held_by
    from pratique.pipeline.places import require_known, upstream_first

    rows: list[dict[str, object]] = []
    with clients().ledger() as ledger:
        require_known(ledger, service, environment)
        for name, place in upstream_first(ledger, service):
            if environment not in (None, place):
                continue
            holder = ledger.holder(name, place)
            if holder is not None:
                rows.append(_queued(holder, "holds it", f"since {holder.started_at:%Y-%m-%d %H:%M:%S} UTC"))
            for number, waiting in enumerate(ledger.queue(name, place), start=1):
                rows.append(_queued(waiting, f"{number} in the queue", held_by(holder)))
            rows += [_queued(waiting, "waits for its time", waiting.reason) for waiting in ledger.waiting(name, place)]
    return rows


def _queued(promotion: Promotion, position: str, why: str) -> dict[str, object]:
    return {
        "service": promotion.service,
        "environment": promotion.environment,
        "position": position,
        "kind": promotion.kind,
        "commit": promotion.commit[:12],
        "by": promotion.requested_by,
        "asked": promotion.started_at,
        "why": why,
        "until": promotion.waits_until,
        "id": promotion.id,
    }


def step_rows(service: str | None = None, environment: str | None = None) -> list[dict[str, object]]:
    """What the clock would do now, one row for each environment of each service."""
    from pratique.pipeline.advancing import survey

    return [
        {
            "service": step.service,
            "environment": step.environment,
            "step": step.kind,
            "commit": step.commit[:12],
            "release": step.release,
            "why": step.reason,
            "until": step.until,
            "run": step.run,
        }
        for step in survey(clients(), service, environment)
    ]


def history_rows(service: str | None, environment: str | None, limit: int) -> list[dict[str, object]]:
    """Promotions, newest first."""
    from pratique.pipeline.places import require_known

    with clients().ledger() as ledger:
        require_known(ledger, service, environment)
        found = ledger.history(service, environment, limit)
    return [
        {
            "started": promotion.started_at,
            "kind": promotion.kind,
            "service": promotion.service,
            "environment": promotion.environment,
            "commit": promotion.commit[:12],
            "release": promotion.release,
            "state": promotion.state.value,
            "seconds": _seconds(promotion),
            "by": promotion.requested_by,
            "reason": promotion.reason,
            "until": promotion.waits_until,
            "id": promotion.id,
        }
        for promotion in found
    ]


def release_rows(service: str | None, limit: int) -> list[dict[str, object]]:
    """Releases, newest first."""
    from pratique.pipeline.places import require_known

    with clients().ledger() as ledger:
        require_known(ledger, service)
        found = ledger.releases(service, limit)
    return [
        {
            "service": stored.release.service,
            "commit": stored.release.commit.short,
            "release": stored.digest,
            "committed": stored.release.commit.committed_at,
            "author": stored.release.commit.author,
            "subject": stored.release.commit.subject,
        }
        for stored in found
    ]


def _gravest(ledger: Ledger, service: str, environment: str, held: Promotion | None) -> str:
    """What people, or the pipeline, have decided against it, as the ledger has it; empty for nothing."""
    known = ledger.rulings(service, environment, LATELY, kinds=("hold", "lift", "revoke"))
    lifted = {signed.ruling.hold for signed in known if signed.ruling.kind == "lift"}
    if any(signed.ruling.kind == "hold" and signed.bundle not in lifted for signed in known):
        return "held"
    revoked = {signed.ruling.release for signed in known if signed.ruling.kind == "revoke"}
    return "revoked" if held is not None and held.release in revoked else ""


def _standing(held: Promotion | None, holder: Promotion | None, waiting: Sequence[Promotion]) -> str:
    if holder is not None:
        return "changing"
    if waiting:
        return "waiting"
    return "granted" if held else "empty"


def _note(holder: Promotion | None, waiting: Sequence[Promotion]) -> str:
    """What is going on there, or about to."""
    running = [f"{holder.kind} of {holder.commit[:12]} is running"] if holder else []
    return "; ".join([*running, *(f"{one.commit[:12]} waits: {one.reason}" for one in waiting)])


def _seconds(promotion: Promotion) -> float | None:
    if promotion.finished_at is None:
        return None
    return round((promotion.finished_at - promotion.started_at).total_seconds(), 1)
