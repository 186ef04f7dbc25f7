"""Evidence, gathered and judged: for a promotion, for what runs, and for whether a release that exists may be used again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pratique.bootstrap import Clients
from pratique.clients.policy_files import shipped_gates
from pratique.clients.sigstore.gather import gather
from pratique.decisions.facts import facts_of
from pratique.decisions.genuine import is_genuine
from pratique.decisions.judging import judged_of
from pratique.decisions.proving import supported_in
from pratique.decisions.seen import Seen
from pratique.decisions.situation import Situation
from pratique.pipeline.holds import holds_in
from pratique.pipeline.policies import modules_for, policy_in
from pratique.pipeline.proving import look, recorded_grants, trust_of
from pratique.values.decision import Decision
from pratique.values.environment import Environment
from pratique.values.facts import Purpose
from pratique.values.gate import Module
from pratique.values.judged import Judged
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease


def judge(
    clients: Clients,
    stored: StoredRelease,
    environment: Environment,
    *,
    purpose: Purpose = "promote",
    plan: Plan | None = None,
) -> Judged:
    """Whether the release may enter the environment, or stay there: the floor and every policy, every reason.

    Where somebody has to approve, `plan` is what they approve of; without one they cannot have.
    """
    modules = modules_for(clients, stored)
    with clients.registry() as registry:
        seen = look(registry, clients.verifier(), stored, trust_of(clients, stored, modules), infrastructure=False)
    return judge_seen(clients, seen, environment, modules, purpose=purpose, plan=plan)


def judge_seen(
    clients: Clients,
    seen: Seen,
    environment: Environment,
    modules: Sequence[Module],
    *,
    purpose: Purpose = "promote",
    plan: Plan | None = None,
) -> Judged:
    """As `judge`, of what has been looked up by the trust of these settings, and by these policies."""
    stored, place = seen.stored, clients.place(environment.name)
    before = (*environment.after, *place.after)
    recorded = recorded_grants(clients, stored, (*before, environment.name))
    supported = supported_in(seen, environment.name, recorded)
    situation = Situation(
        purpose=purpose,
        stored=stored,
        environment=environment,
        origins=clients.origins,
        trusted=place.trust,
        evidence=seen.attached_in(environment.name),
        chain=supported.chain,
        upstream=_granted_upstream(clients, stored, before),
        held=_held(clients, environment),
        holds=holds_in(clients, environment.service, environment.name),
        asked_by_operator=place.gates,
        pinned=place.after,
        exceptions=place.exceptions,
        people=clients.people,
        plan=plan,
        policy=seen.place(environment.name).policy or policy_in(clients, environment, modules),
        now=seen.now,
    )
    facts = facts_of(situation)
    judged = judged_of(situation, facts, clients.policies().evaluate(modules, facts), shipped_gates())
    return judged.model_copy(update={"unclear": supported.missing})


def judge_evidence(clients: Clients, stored: StoredRelease, *more: Callable[[Situation], Decision]) -> Decision:
    """Whether signatures and provenance of the release and its images verify for anyone the settings trust; and `more`."""
    with clients.registry() as registry:
        evidence = gather(registry, clients.verifier(), stored, clients.trust)
    return is_genuine(stored, evidence, clients.trust, clients.origins, datetime.now(UTC), *more)


def asks_for_approval(clients: Clients, environment: Environment) -> bool:
    """Whether the service or the operator wants people to approve what changes there."""
    return any(asked.approvals is not None for asked in (environment.gates, clients.place(environment.name).gates))


def _held(clients: Clients, environment: Environment) -> str | None:
    with clients.ledger() as ledger:
        promotion = ledger.granted(environment.service, environment.name)
    return None if promotion is None else promotion.release


def _granted_upstream(clients: Clients, stored: StoredRelease, before: Sequence[str]) -> tuple[Promotion, ...]:
    with clients.ledger() as ledger:
        found = (ledger.grant_of(stored.release.service, name, stored.digest) for name in before)
        return tuple(promotion for promotion in found if promotion is not None and promotion.state is PromotionState.GRANTED)
