"""`pratique audit`: what was in an environment at a time, who let it in, and the proof."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pratique.cli.opening import clients
from pratique.cli.options import In, Service
from pratique.cli.output import console, show_json, show_table
from pratique.cli.patience import patiently
from pratique.errors import Invalid, Refused

if TYPE_CHECKING:
    from pratique.values.audit import Audit, CitedEvidence


def audit(
    service: Service,
    environment: In,
    at: Annotated[
        str | None, typer.Option(help="When, such as 2026-11-25T10:00, in UTC or with a zone; without it, now.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Say what was in an environment at a time, who let it in under which policy, and prove it by its signed evidence."""
    from pratique.pipeline.auditing import audit as look_back

    moment = None if at is None else _moment(at)
    found = patiently(lambda: look_back(clients(), service, environment, moment))
    then = f"{_utc(moment)}" if moment is not None else "now"
    if found is None:
        if as_json:
            show_json({"service": service, "environment": environment, "at": moment, "held": False})
        else:
            console.print(f"{environment} held nothing of {service} {then}", markup=False)
        return
    if as_json:
        show_json({**found.model_dump(mode="json"), "held": True, "proved": found.is_proved, "valid": found.is_valid})
    else:
        console.print(f"{service} in {environment}, {then}: {found.commit[:12]} ({found.release[7:19]})\n", markup=False)
        show_table(_answers(found), empty="")
        _show_evidence("evidence", found.evidence)
        _show_evidence("rulings", found.rulings)
        if found.is_proved:
            console.print("\nproved: every signature verifies, and the ledger says what was signed", markup=False)
    if not found.is_proved:
        raise Refused(*(f"not proved: {fault}" for fault in found.faults), *(f"differs: {one}" for one in found.differences))


def _answers(found: Audit) -> list[dict[str, object]]:
    checks = ", ".join(f"{check.name} ({check.detail})" for check in found.checks)
    answers = {
        "release": _full(found.release),
        "commit": found.commit,
        "since": _utc(found.since),
        "until": _utc(found.until) or "it is still there",
        "by": f"{found.kind}, asked for by {found.requested_by or 'nobody known'}",
        "why": found.reason,
        "approved by": _approvers(found),
        "policy": _full(found.policy),
        "exceptions": "; ".join(f"{one.says} ({one.by})" for one in found.exceptions) or "none",
        "plan": _full(found.plan),
        "changes": "; ".join(f"{change.action} {change.kind} {change.name}: {change.detail}" for change in found.changes or ()),
        "checks": checks or "none",
        "replaced": _replaced(found),
        "promotion": found.promotion,
        "run": found.run,
        "today": "valid" if found.is_valid else "not valid: " + ("; ".join(found.against) or "it is not proved"),
    }
    return [{"": name, " ": answer} for name, answer in answers.items() if answer]


def _approvers(found: Audit) -> str:
    said = (f"{one.by} (a click, which proves nothing)" if one.is_click else one.by for one in found.approvals)
    return ", ".join(said) or "nobody"


def _replaced(found: Audit) -> str:
    before = found.replaced
    if before is None:
        return "nothing"
    if before.commit is None or before.release is None:
        return f"grant {_full(before.grant)}, which cannot be read: {before.problem}"
    return f"{before.commit[:12]} ({before.release[7:19]}), granted {_utc(before.granted_at)}"


def _show_evidence(title: str, evidence: tuple[CitedEvidence, ...]) -> None:
    rows = [
        {title: one.kind, "sha256": _full(one.bundle), "by": one.by, "when": one.made_at, "says": one.problem or one.says}
        for one in evidence
    ]
    if rows:
        console.print()
        show_table(rows, empty="")


def _full(digest: str | None) -> str:
    """All its digits: what a person copies from here is looked up."""
    return "" if digest is None else digest.removeprefix("sha256:")


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _moment(text: str) -> datetime:
    from pratique.values.moment import parse_moment

    try:
        moment = parse_moment(text)
    except ValueError as error:
        raise Invalid("--at", f"{text!r} is no time", str(error)) from None
    if moment > datetime.now(UTC):
        raise Invalid("--at", f"{_utc(moment)} has not come yet", "leave it out to ask about now")
    return moment
