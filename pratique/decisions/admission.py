"""Which of what was heard becomes an event: only a listed repository's, and only where a rule names the ref."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pratique.decisions.addresses import repository_key
from pratique.decisions.git_names import require_ref
from pratique.errors import Invalid, Refused
from pratique.values._base import Value
from pratique.values.event import Event, EventKind, Forge
from pratique.values.heard import Heard
from pratique.values.rules import Rule

# Repository and tag by the OCI distribution specification 1.1, "Pulling manifests".
_IMAGE = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Listed(Value):
    """A service, as far as events concern it."""

    repository: str
    images: tuple[str, ...] = ()
    """Repositories of a registry whose images concern the service."""
    rules: tuple[Rule, ...]


def admit(forge: Forge, heard: Heard, services: Mapping[str, Listed], at: datetime, *, reports: bool = False) -> Event | str:
    """The event, or why there is nothing to do; `Refused` where no service comes from that repository.

    An image that concerns nobody is nothing to do, and not refused: a registry tells of all it holds,
    and keeps repeating what is refused.
    """
    name = _service(heard, services)
    if name is None:
        if heard.kind is EventKind.IMAGE:
            return "no service of the settings lists this image"
        raise Refused("no service of the settings comes from this repository: add [services.<name>] with its repository")
    listed = services[name]
    rule = _rule(heard, listed.rules)
    if rule is None:
        return f"no rule of {name} names this {heard.kind.replace('_', ' ')}"
    if heard.kind is not EventKind.IMAGE:
        require_ref(heard.ref)
    elif not _IMAGE.fullmatch(heard.ref):
        raise Invalid("ref", "it is no image's repository and tag", "send it as the registry does")
    return Event(
        forge=forge,
        delivery=heard.delivery,
        kind=heard.kind,
        service=name,
        repository=listed.repository,
        ref=heard.ref,
        commit=heard.commit,
        pull_request=heard.pull_request,
        action=rule.do,
        through=rule.through,
        branch=rule.branch,
        reports=reports,
        received_at=at,
    )


def _service(heard: Heard, services: Mapping[str, Listed]) -> str | None:
    """The first service, in the order of the settings, that comes from there."""
    if heard.kind is EventKind.IMAGE:
        return next((name for name, listed in services.items() if set(heard.places) & set(listed.images)), None)
    keys = {key for place in heard.places if (key := repository_key(place)) is not None}
    return next((name for name, listed in services.items() if repository_key(listed.repository) in keys), None)


def _rule(heard: Heard, rules: Sequence[Rule]) -> Rule | None:
    return next((rule for rule in rules if rule.names(heard.kind, heard.ref)), None)
