"""What runs, looked at again."""

from __future__ import annotations

from collections.abc import Sequence

from pratique.bootstrap import clients
from pratique.decisions.reports import reverification_table
from pratique.errors import Exhausted, Refused
from pratique.pipeline import reverifying
from pratique.values.promotion import Promotion
from pratique.values.reverified import Reverified
from tasks._retries import RETRY_LEDGER, RETRY_REGISTRY
from tasks._step import inline_step, step, tell
from tasks.reports import write_table


@inline_step(RETRY_LEDGER)
def held_places(service: str | None, environment: str | None) -> list[Promotion]:
    """What every environment holds, or each of those that are named."""
    return reverifying.held_places(clients(), service, environment)


@step("verify {held.service} in {held.environment} again", RETRY_REGISTRY)
def reverify_place(held: Promotion, *, dry_run: bool) -> Reverified:
    """What was found there; where it speaks against the release, and this is no dry run, that is revoked everywhere."""
    found = reverifying.reverify(clients(), held, dry_run=dry_run)
    for line in (*found.scanned, *found.reasons, *found.astray, *found.excepted, found.unknown):
        tell(f"{held.service} in {held.environment}: {line}") if line else None
    return found


async def report_reverification(found: Sequence[Reverified], *, dry_run: bool) -> list[Reverified]:
    """What was found, as a table of the run; refused where anything is not well, so that nobody has to read it to know."""
    await write_table(
        reverification_table(found),
        key="reverification-dry-run" if dry_run else "reverification",
        description="what is where, looked at again",
    )
    against = [
        f"{one.service} in {one.environment}: {line}"
        for one in found
        for line in (*one.reasons, *one.astray)
        if not one.is_well
    ]
    if against:
        raise Refused(*against)
    if unknown := [f"{one.service} in {one.environment} could not be verified: {one.unknown}" for one in found if one.unknown]:
        raise Exhausted("; ".join(unknown))
    return list(found)
