"""What runs, looked at again: by today's policies, keys and scans, and by the checks of its environment.

Nothing passes in silence: what cannot be found out is told as that, and what speaks against a release revokes it everywhere,
signed. What does not run as it was granted is told, and revokes nothing: the release did not do it. Nor does evidence that is
missing: whoever took it away would have what they want.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pratique.bootstrap import Clients
from pratique.clients.probes import run_checks
from pratique.clients.releases import read
from pratique.clients.sigstore.gather import gather_one, sign_and_attach
from pratique.decisions.summaries import SUMMARY_PREDICATE, check_results, place_uri, verification_summary
from pratique.errors import Refused, Transient
from pratique.pipeline.ruling import sign_by_pipeline
from pratique.pipeline.scanning import scan_release
from pratique.pipeline.verification import judge
from pratique.scrub import scrub
from pratique.values.checks import CheckResult
from pratique.values.digest import hex_of
from pratique.values.environment import Environment, environment_of
from pratique.values.evidence import Statement
from pratique.values.judged import Judged
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from pratique.values.reverified import Reverified
from pratique.values.ruling import Revoke


def held_places(clients: Clients, service: str | None = None, environment: str | None = None) -> list[Promotion]:
    """What every environment holds, or each of those that are named."""
    with clients.ledger() as ledger:
        found = [ledger.granted(*place) for place in ledger.environments(service) if environment in (None, place[1])]
    return [held for held in found if held is not None]


def reverify(clients: Clients, held: Promotion, *, dry_run: bool) -> Reverified:
    """What was found; where that speaks against the release, and this is no dry run, it is revoked."""
    about = {"service": held.service, "environment": held.environment, "held": held}
    try:
        with clients.registry() as registry:
            stored = read(registry, held.service, held.release)
        environment = environment_of(stored.release.manifest, held.environment)
        scanned = () if dry_run else tuple(scan_release(clients, stored))
        judged = judge(clients, stored, environment, purpose="reverify")
        astray, results = _look(clients, stored, environment)
    except (Refused, Transient) as fault:
        return Reverified.model_validate({**about, "unknown": str(fault)})
    if judged.unclear:
        return Reverified.model_validate({**about, "unknown": "; ".join(judged.unclear), "astray": astray, "scanned": scanned})
    failed = [f"check {result.name} failed: {result.detail}" for result in results if not result.passed]
    reasons = (*judged.decision.reasons, *(wait.reason for wait in judged.decision.waits), *failed)
    if not dry_run:
        _attach(clients, stored, environment, judged, results if failed else ())
        if reasons:
            _revoke(clients, stored, held, reasons)
    excepted = tuple(f"{one.why} (excepted by {', '.join(one.by)})" for one in judged.excepted)
    found = {"reasons": reasons, "astray": astray, "excepted": excepted, "scanned": scanned}
    return Reverified.model_validate({**about, **found, "revoked": bool(reasons) and not dry_run})


def _look(clients: Clients, stored: StoredRelease, environment: Environment) -> tuple[tuple[str, ...], Sequence[CheckResult]]:
    """What does not run as it was granted, and what the checks find where something runs."""
    with clients.workloads(environment) as workloads:
        state = workloads.look(environment.service, environment.name)
        if state.serving is None:
            return ("nothing serves there: promote the release again",), ()
        if state.serving.release != stored.digest:
            return (f"another release serves there, {state.serving.release}: promote the granted one again",), ()

        def execute(command: Sequence[str], timeout: timedelta) -> tuple[int, str]:
            return workloads.execute(environment.service, environment.name, command, timeout)

        return (), run_checks(environment.checks, state.address, execute, stored.release.commit.id)


def _attach(
    clients: Clients, stored: StoredRelease, environment: Environment, judged: Judged, failed: Sequence[CheckResult]
) -> None:
    """Sign what the gates came to where that is news, and what the checks found where they failed."""
    statements = [verification_summary(stored, environment, judged)] if _is_news(clients, stored, environment, judged) else []
    statements += [check_results(stored, environment, failed)] if failed else []
    with clients.registry() as registry, clients.signer() as signer:
        for statement in statements:
            sign_and_attach(
                registry,
                signer,
                stored.reference.repository,
                statement,
                stored.digest,
                created=judged.at,
                verifier=clients.verifier(),
                trusted=clients.trust,
            )


def _is_news(clients: Clients, stored: StoredRelease, environment: Environment, judged: Judged) -> bool:
    """Whether the newest summary says anything else: one a day for the same would fill the registry."""
    with clients.registry() as registry:
        found = gather_one(registry, clients.verifier(), stored.reference, clients.trust)
    mine = [one for one in found.statements(SUMMARY_PREDICATE) if one.predicate.get("resourceUri") == place_uri(environment)]
    newest: Statement | None = max(mine, key=lambda one: str(one.predicate.get("timeVerified")), default=None)
    if newest is None:
        return True
    said = newest.predicate.get("verificationResult"), newest.predicate.get("policy", {}).get("digest", {}).get("sha256")
    return said != ("PASSED" if judged.decision.allowed else "FAILED", hex_of(judged.policy))


def _revoke(clients: Clients, stored: StoredRelease, held: Promotion, reasons: Sequence[str]) -> None:
    with clients.ledger() as ledger:
        known = ledger.rulings(held.service)
    if any(isinstance(one.ruling, Revoke) and one.ruling.release == stored.digest for one in known):
        return
    reason = scrub(f"looked at again in {held.environment}: {'; '.join(reasons)}")[:1000]
    about = {"service": held.service, "release": stored.digest, "commit": held.commit, "made_at": datetime.now(UTC)}
    sign_by_pipeline(clients, stored, Revoke.model_validate(about | {"reason": reason}))
