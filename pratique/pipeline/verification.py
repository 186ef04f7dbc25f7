"""Evidence, gathered and judged: for a promotion, and for whether a release that exists may be used again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pratique.bootstrap import Clients
from pratique.clients.sigstore.gather import gather
from pratique.decisions.gates import (
    Situation,
    decide_promotion,
    environment_is_open,
    everything_has_provenance,
    everything_is_signed,
)
from pratique.values.decision import Decision, all_of
from pratique.values.environment import Environment, environment_of
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease

Gates = Callable[[Situation], Decision]


def judge(clients: Clients, stored: StoredRelease, environment: Environment, gates: Gates = decide_promotion) -> Decision:
    """Whether the release may enter the environment: every one of the gates, every reason."""
    trusted = clients.place(environment.name).trust
    with clients.registry() as registry:
        evidence = gather(registry, clients.verifier(), stored, trusted)
    situation = Situation(
        stored=stored,
        environment=environment,
        origins=clients.origins,
        trusted=trusted,
        evidence=evidence,
        upstream=_granted_upstream(clients, stored, environment),
        held=_held(clients, environment),
        now=datetime.now(UTC),
    )
    return gates(situation)


def judge_time(clients: Clients, stored: StoredRelease, environment: Environment) -> Decision:
    """Whether its time has come, asked of the clock alone: for who has had every other gate decided and waited since."""
    situation = Situation(
        stored=stored,
        environment=environment,
        origins=None,
        trusted=(),
        evidence=(),
        held=_held(clients, environment),
        now=datetime.now(UTC),
    )
    return environment_is_open(situation)


def judge_evidence(clients: Clients, stored: StoredRelease, *more: Gates) -> Decision:
    """Whether signatures and provenance of the release and its images verify for anyone the settings trust; and `more`."""
    with clients.registry() as registry:
        evidence = gather(registry, clients.verifier(), stored, clients.trust)
    environment = environment_of(stored.release.manifest, next(iter(stored.release.manifest.environments)))
    situation = Situation(
        stored=stored,
        environment=environment,
        origins=clients.origins,
        trusted=clients.trust,
        evidence=evidence,
        now=datetime.now(UTC),
    )
    return all_of([gate(situation) for gate in (everything_is_signed, everything_has_provenance, *more)])


def _held(clients: Clients, environment: Environment) -> str | None:
    with clients.ledger() as ledger:
        promotion = ledger.granted(environment.service, environment.name)
    return None if promotion is None else promotion.release


def _granted_upstream(clients: Clients, stored: StoredRelease, environment: Environment) -> tuple[Promotion, ...]:
    with clients.ledger() as ledger:
        found = (ledger.grant_of(environment.service, before, stored.digest) for before in environment.after)
        return tuple(promotion for promotion in found if promotion is not None and promotion.state is PromotionState.GRANTED)
