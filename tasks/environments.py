"""Environments: which there are, and what they hold."""

from __future__ import annotations

from pratique.bootstrap import clients
from pratique.clients.releases import read
from pratique.errors import Refused
from pratique.values.dag import upstream_first, upstream_of
from pratique.values.environment import Environment, environment_of
from pratique.values.promotion import Standing
from pratique.values.release import StoredRelease
from tasks._retries import RETRY_LEDGER, RETRY_REGISTRY
from tasks._step import inline_step


@inline_step(RETRY_LEDGER)
def order_environments(stored: StoredRelease, through: str | None) -> list[tuple[str, ...]]:
    """The release's environments in generations, upstream first; up to `through`, where that is given.

    An environment that has granted the release before is waited for by none: the gate that asks for its grant finds one.
    So a delivery that has nothing to do looks at all environments at once.
    """
    after = stored.release.manifest.after
    if through is not None:
        environment_of(stored.release.manifest, through)
        wanted = upstream_of(after, through) | {through}
        after = {name: upstream for name, upstream in after.items() if name in wanted}
    with clients().ledger() as ledger:
        granted = {name for name in after if ledger.grant_of(stored.release.service, name, stored.digest)}
    return upstream_first({name: [before for before in upstream if before not in granted] for name, upstream in after.items()})


@inline_step(RETRY_REGISTRY)
def look(environment: Environment) -> Standing | None:
    """What was granted last in the environment, or None where nothing was."""
    with clients().ledger() as ledger:
        promotion = ledger.granted(environment.service, environment.name)
    if promotion is None:
        return None
    with clients().registry() as registry:
        return Standing(promotion=promotion, stored=read(registry, environment.service, promotion.release))


@inline_step(RETRY_LEDGER)
def choose_earlier(service: str, environment: str, release: str | None) -> str:
    """The digest of a release that was granted in the environment before: the one asked for, or the last but one."""
    with clients().ledger() as ledger:
        present = ledger.granted(service, environment)
        if release is not None:
            if ledger.grant_of(service, environment, release) is None:
                raise Refused(f"release {release} was never granted in {environment}: see `pratique history {service}`")
            return release
        earlier = ledger.granted_before(service, environment)
    if present is None or earlier is None:
        raise Refused(f"{service} in {environment} has no earlier release to go back to")
    return earlier.release
