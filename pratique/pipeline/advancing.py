"""What the clock would do now, in every environment: looked up and decided, nothing touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pratique.bootstrap import Clients
from pratique.clients.ports import Ledger
from pratique.clients.releases import read
from pratique.decisions.advance import MOST_ABANDONED, Place, Step, choose, newest_eligible, nothing_chosen, obstacle, step_of
from pratique.errors import Refused
from pratique.pipeline.verification import judge
from pratique.values.answer import Answer
from pratique.values.decision import Decision
from pratique.values.environment import Environment, environment_of
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease

_LOOK_AGAIN = Answer(decision="look again", name="the clock", reason="nothing more is missing")

REMEMBERED = 200
"""So many promotions of each environment are looked at, the newest."""


def survey(clients: Clients, service: str | None = None, environment: str | None = None) -> list[Step]:
    """One step for each environment of each service, or of those that are named; upstream first."""
    with clients.ledger() as ledger:
        names = sorted({name for name, _ in ledger.environments(service)})
        places = [place for name in names for place in _places(ledger, name, environment)]
    known: dict[str, StoredRelease] = {}
    return [_step(clients, place, known) for place in places]


def start_step(clients: Clients, step: Step, tag: str) -> Step:
    """The step, with the run that promotes the release where it moves; what waited there with an older one is superseded."""
    if step.release is None or step.kind not in ("moves", "waits"):
        return step
    with clients.ledger() as ledger:
        asked = [one for one in ledger.waiting(step.service, step.environment) if one.release == step.release]
        tried = [one for one in ledger.history(step.service, step.environment, REMEMBERED) if one.release == step.release]
        which = f"superseded: the clock brings commit {step.commit[:12]}, whose release is newer"
        ledger.supersede(step.service, step.environment, step.release, which)
    if step.kind == "waits":
        return step
    if (page := _resumed(clients, asked)) is not None:
        return step.model_copy(update={"run": page})
    by = f"the clock, for {asked[-1].requested_by}" if asked else "the clock"
    parameters = {"service": step.service, "release": step.release, "environment": step.environment, "requested_by": by[:200]}
    # Two that look at the same moment see the same promotions, and start one run; one that has ended since is another.
    key = f"clock:{step.service}:{step.environment}:{step.release}:{len(tried)}"
    tags = ["pratique", f"service:{step.service}", f"environment:{step.environment}", tag]
    deployment = clients.place(step.environment).deployment
    with clients.prefect() as prefect:
        for attempt in range(1, MOST_ABANDONED + 1):
            run = prefect.start(deployment, parameters, key=f"{key}:{attempt}", tags=tags)
            # One that died before it was on record left nothing by which the next key would be another.
            if run.state_type != "CRASHED":
                break
        change = {"run": prefect.page(run)}
        if run.is_final and run.state_type != "COMPLETED":
            change |= {"kind": "stuck", "reason": f"its run ended as {run.state_name} before it was on record: {run.message}"}
        return step.model_copy(update=change)


def _places(ledger: Ledger, service: str, only: str | None) -> list[Place]:
    """The environments that the service's newest release knows."""
    newest = ledger.releases(service, limit=1)
    if not newest:
        return []
    manifest = newest[0].release.manifest
    order = tuple(ledger.release_order(service))
    own = {name: ledger.history(service, name, REMEMBERED) for name in manifest.environments}
    return [
        Place(
            service=service,
            environment=name,
            order=order,
            held=ledger.granted(service, name),
            own=tuple(own[name]),
            upstream=_grants(own, manifest.environments[name].after),
        )
        for generation in manifest.generations
        for name in generation
        if only in (None, name)
    ]


def _grants(own: Mapping[str, Sequence[Promotion]], names: Sequence[str]) -> dict[str, tuple[Promotion, ...]]:
    def granted(name: str) -> list[Promotion]:
        return [one for one in own[name] if one.state is PromotionState.GRANTED]

    return {name: tuple(sorted(granted(name), key=lambda one: one.fence or 0, reverse=True)) for name in names}


def _step(clients: Clients, place: Place, known: dict[str, StoredRelease]) -> Step:
    newest = newest_eligible(place)
    release = newest
    try:
        stored = _read(clients, place, newest, known) if newest is not None else None
        has_windows = stored is not None and _has_windows(stored, place.environment)
        release = choose(place, newest, has_windows=has_windows)
        if release is None:
            return nothing_chosen(place)
        if (stopped := obstacle(place, release)) is not None:
            return stopped
        if stored is None or stored.digest != release:
            stored = _read(clients, place, release, known)
        environment = environment_of(stored.release.manifest, place.environment)
        decision = _decide(clients, place, stored, environment)
    except Refused as refused:
        # One that cannot be read keeps none of the others from moving.
        return Step(service=place.service, environment=place.environment, kind="stuck", release=release, reason=str(refused))
    return step_of(place, release, stored.release.commit.id, decision)


def _decide(clients: Clients, place: Place, stored: StoredRelease, environment: Environment) -> Decision:
    """What the gates say; where nobody has been asked to approve of it yet, its own run asks them, and this is no wait."""
    waiting = place.waiting if place.waiting is not None and place.waiting.release == stored.digest else None
    if waiting is None or waiting.asked is None:
        return judge(clients, stored, environment, plan=Plan(reason="it is not made yet")).besides_approval
    return judge(clients, stored, environment, plan=waiting.asked.plan).decision


def _resumed(clients: Clients, waiting: Sequence[Promotion]) -> str | None:
    """The page of the suspended run that goes on now; None where none of these has one."""
    with clients.prefect() as prefect:
        for one in waiting:
            run = prefect.find(one.run_url.rpartition("/")[2]) if one.asked is not None else None
            if run is not None and run.is_suspended and prefect.resume(run.id, _LOOK_AGAIN):
                return prefect.page(run)
    return None


def _read(clients: Clients, place: Place, digest: str, known: dict[str, StoredRelease]) -> StoredRelease:
    """The release, read once: several environments hold the same one."""
    if digest not in known:
        with clients.registry() as registry:
            known[digest] = read(registry, place.service, digest)
    return known[digest]


def _has_windows(stored: StoredRelease, environment: str) -> bool:
    section = stored.release.manifest.environments.get(environment)
    return section is not None and bool(section.windows)
