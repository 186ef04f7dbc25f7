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
from tasks._step import step


def select_environments(stored: StoredRelease, through: str | None) -> list[tuple[str, ...]]:
    """The release's environments in generations, upstream first; up to `through`, where that is given."""
    after = {name: section.after for name, section in stored.release.manifest.environments.items()}
    if through is not None:
        environment_of(stored.release.manifest, through)
        wanted = upstream_of(after, through) | {through}
        after = {name: upstream for name, upstream in after.items() if name in wanted}
    return upstream_first(after)


@step("look what {environment.name} holds", RETRY_REGISTRY)
def look(environment: Environment) -> Standing | None:
    """What was granted last in the environment, or None where nothing was."""
    with clients().ledger() as ledger:
        promotion = ledger.granted(environment.service, environment.name)
    if promotion is None:
        return None
    with clients().registry() as registry:
        return Standing(promotion=promotion, stored=read(registry, environment.service, promotion.release))


@step("choose the release to go back to", RETRY_LEDGER)
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
