"""What the clock does in one environment: the newest release that may come there, or the reason why nothing happens.

    release = choose(place, newest_eligible(place), has_windows)
    step = (obstacle(place, release) or step_of(place, release, commit, decision)) if release else nothing_chosen(place)

Newer is the release that was made later. The clock never goes back to an older release than the environment holds, never past
what an environment upstream holds now, and not twice into what has failed: then a person decides, or a newer release comes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from pratique.values._base import Value
from pratique.values.decision import Decision
from pratique.values.digest import Digest
from pratique.values.names import Name
from pratique.values.promotion import Promotion, PromotionState

MOST_ABANDONED = 3
"""A promotion whose process died is begun anew so often; then it is taken to be what kills it."""


class Place(Value):
    """One environment of one service, as the ledger has it."""

    service: Name
    environment: Name
    order: tuple[Digest, ...]
    """Every release of the service, the oldest first."""
    held: Promotion | None
    """The last grant."""
    own: tuple[Promotion, ...] = ()
    """Its promotions, the newest first."""
    upstream: dict[Name, tuple[Promotion, ...]] = Field(default_factory=dict)
    """The grants of each environment that comes before, the last one first."""

    def rank(self, release: Digest) -> int:
        """The higher, the newer; below all others for one that is not on record."""
        return self.order.index(release) if release in self.order else -1

    @property
    def waiting(self) -> Promotion | None:
        """What was asked for here and waits for its time."""
        return next((one for one in self.own if one.state is PromotionState.WAITING and one.kind == "promote"), None)


class Step(Value):
    """What happens in one environment, and why."""

    service: Name
    environment: Name
    kind: Literal["moves", "runs", "waits", "stuck", "rests"]
    """A release is to move; is on its way already; waits; needs a person; or there is nothing to do."""
    release: Digest | None = None
    commit: str = ""
    reason: str
    until: datetime | None = None
    """When a wait ends, as far as that is known."""
    run: str = ""
    """Where a person sees the run that promotes it."""


def newest_eligible(place: Place) -> Digest | None:
    """The newest release that every environment upstream has granted, none of them having gone back from it."""
    if not place.upstream:
        return place.order[-1] if place.order else None
    if not all(place.upstream.values()):
        return None
    granted = [{one.release for one in grants} for grants in place.upstream.values()]
    present = min(place.rank(grants[0].release) for grants in place.upstream.values())
    eligible = [release for release in set.intersection(*granted) if 0 <= place.rank(release) <= present]
    return max(eligible, key=place.rank, default=None)


def choose(place: Place, newest: Digest | None, *, has_windows: bool) -> Digest | None:
    """The release that the clock brings: the newest where it opens windows, elsewhere only one that was asked for and waits."""
    if has_windows:
        return newest
    return place.waiting.release if place.waiting else None


def nothing_chosen(place: Place) -> Step:
    """Why the clock has no release for the environment."""
    missing = [name for name, grants in place.upstream.items() if not grants]
    if missing:
        return _step(place, None, "rests", f"nothing has been granted in {', '.join(missing)}, which it comes after")
    return _step(place, None, "rests", "it opens no windows, and nothing that was asked for waits")


def obstacle(place: Place, release: Digest) -> Step | None:
    """Why the release does not move, whatever the gates say; None where nothing is in its way."""
    held = place.held
    if held is not None and held.release == release:
        return _step(place, release, "rests", "it is there already")
    if held is not None and place.rank(held.release) > place.rank(release):
        return _step(place, release, "rests", f"commit {held.commit[:12]}, whose release is newer, is there")
    if gone := next((one for one in place.own if one.release == release and one.state is PromotionState.GRANTED), None):
        reason = (
            f"it was there on {gone.started_at:%Y-%m-%d} and was gone back from: promote it yourself, or deliver a newer one"
        )
        return _step(place, release, "stuck", reason)
    for name, grants in place.upstream.items():
        if grants and place.rank(grants[0].release) < place.rank(release):
            reason = f"{name}, which comes before, has gone back to commit {grants[0].commit[:12]}: promote it yourself"
            return _step(place, release, "stuck", reason)
    return _ended_before(place, release)


def step_of(place: Place, release: Digest, commit: str, decision: Decision) -> Step:
    """What the gates make of a release that nothing else is in the way of."""
    if decision.reasons:
        reasons = "; ".join([*decision.reasons, *(wait.reason for wait in decision.waits)])
        return _step(place, release, "stuck", f"refused: {reasons}", commit=commit)
    if decision.waits:
        reasons = "; ".join(wait.reason for wait in decision.waits)
        return _step(place, release, "waits", reasons, commit=commit, until=decision.until)
    return _step(place, release, "moves", "every gate lets it in", commit=commit)


def _ended_before(place: Place, release: Digest) -> Step | None:
    """Whether it is on its way, or how its last promotions ended, where that stops the clock."""
    tried = [one for one in place.own if one.release == release and one.kind == "promote"]
    if not tried:
        return None
    last = tried[0]
    match last.state:
        case PromotionState.RUNNING:
            return _step(place, release, "runs", "it is on its way already", run=last.run_url)
        case PromotionState.FAILED | PromotionState.CANCELLED:
            how = "failed" if last.state is PromotionState.FAILED else "was cancelled"
            reason = f"its promotion {how} (promote it yourself, or deliver a newer one): {last.reason}"
            return _step(place, release, "stuck", reason, run=last.run_url)
        case PromotionState.ABANDONED if all(one.state is PromotionState.ABANDONED for one in tried[:MOST_ABANDONED]):
            if len(tried) >= MOST_ABANDONED:
                again = "look why, and promote it yourself"
                reason = f"{MOST_ABANDONED} times in a row its process died ({again}): {last.reason}"
                return _step(place, release, "stuck", reason, run=last.run_url)
    return None


def _step(
    place: Place,
    release: Digest | None,
    kind: Literal["moves", "runs", "waits", "stuck", "rests"],
    reason: str,
    *,
    commit: str = "",
    until: datetime | None = None,
    run: str = "",
) -> Step:
    known = commit or next((one.commit for one in _promotions(place) if one.release == release), "")
    return Step(
        service=place.service,
        environment=place.environment,
        kind=kind,
        release=release,
        commit=known,
        reason=reason,
        until=until,
        run=run,
    )


def _promotions(place: Place) -> list[Promotion]:
    held = [place.held] if place.held else []
    return [*held, *place.own, *(one for grants in place.upstream.values() for one in grants)]
