"""What people read about releases, plans and promotions, as Markdown and tables.

Whatever comes from a commit or a manifest is escaped: a commit's subject is text, not markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pratique.decisions.advance import Step
from pratique.values.decision import Decision
from pratique.values.environment import Environment
from pratique.values.plan import Plan
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease
from pratique.values.reverified import Reverified


def release_report(stored: StoredRelease, registry: str) -> str:
    """The release: its commit, its images, how to verify it."""
    release = stored.release
    commit = release.commit
    lines = [
        f"# {release.service} {commit.short}",
        "",
        f"> {escaped(commit.subject)}",
        "",
        "| | |",
        "|---|---|",
        f"| Release | `{registry}/{stored.reference}` |",
        f"| Commit | `{commit.id}` |",
        f"| Repository | {escaped(commit.repository)} |",
        f"| Author | {escaped(commit.author)} |",
        f"| Committed | {commit.committed_at.isoformat()} |",
        f"| Infrastructure | `{registry}/{stored.infrastructure}` |",
        *(f"| Image {image.name} | `{registry}/{image.reference}` |" for image in release.images),
        "",
        f"Verify it: `pratique verify {release.service} --release {stored.digest}`",
    ]
    return "\n".join(lines)


def plan_report(stored: StoredRelease, environment: Environment, plan: Plan) -> str:
    """The plan: every change, or why there is none."""
    head = f"# {environment.service} → {environment.name}: {stored.release.commit.short}\n\nPlan `{plan.digest}`\n"
    if plan.is_empty:
        return f"{head}\nNothing to do, because {escaped(plan.reason)}\n"
    rows = [f"| {change.action} | {change.kind} {escaped(change.name)} | {escaped(change.detail)} |" for change in plan.changes]
    return "\n".join([head, "| | what | how |", "|---|---|---|", *rows, ""])


def dry_run_report(stored: StoredRelease, environment: Environment, plan: Plan, decision: Decision) -> str:
    """What would be decided, with every reason, and what would change."""
    against = [*decision.reasons, *(wait.reason for wait in decision.waits)]
    verdict = "would wait" if not decision.reasons else "would be refused"
    said = (
        [f"It {verdict}:", "", *(f"- {escaped(reason)}" for reason in against)] if against else ["Every gate would let it in."]
    )
    until = [f"\nUntil {decision.until:%Y-%m-%d %H:%M} UTC."] if decision.until and not decision.reasons else []
    return "\n".join(
        [plan_report(stored, environment, plan), *said, *until, "", "Nothing was changed, and nothing recorded.", ""]
    )


def environment_table(held: Sequence[Promotion]) -> list[dict[str, str]]:
    """What is where: one row for each environment that holds a release."""
    return [
        {
            "environment": promotion.environment,
            "commit": promotion.commit[:12],
            "since": (promotion.finished_at or promotion.started_at).isoformat(timespec="seconds"),
            "address": promotion.address,
            "by": promotion.requested_by,
            "release": promotion.release,
        }
        for promotion in held
    ]


def wait_report(promotion: Promotion, why: str = "") -> str:
    """Why a promotion waits, and what ends it."""
    head = f"# {promotion.service} → {promotion.environment}: {promotion.commit[:12]}"
    if why:
        return f"{head}\n\nIt is {escaped(why)}\n"
    if promotion.state is PromotionState.SUPERSEDED:
        return f"{head}\n\nIt waits no longer, but is {escaped(promotion.reason)}\n"
    if promotion.asked is not None:
        return f"{approval_report(promotion)}\n"
    when = f"from {promotion.waits_until:%Y-%m-%d %H:%M} UTC on" if promotion.waits_until else "as soon as that has changed"
    goes_on = f"`pratique advance {promotion.service}`, which the clock starts too, goes on with it {when}."
    return f"{head}\n\nIt waits: {escaped(promotion.reason)}\n\nNothing was changed. {goes_on}\n"


def approval_report(promotion: Promotion) -> str:
    """What people are asked to approve of, above the form by which they may answer."""
    assert promotion.asked is not None  # noqa: S101  # whoever shows the form has asked
    plan = promotion.asked.plan
    rows = [f"| {change.action} | {change.kind} {escaped(change.name)} | {escaped(change.detail)} |" for change in plan.changes]
    place = f"{promotion.service} --to {promotion.environment}"
    return "\n".join(
        [
            f"# {promotion.service} → {promotion.environment}: {promotion.commit[:12]}",
            "",
            escaped(promotion.reason),
            "",
            *(
                ["| | what | how |", "|---|---|---|", *rows]
                if rows
                else [f"Nothing would change, because {escaped(plan.reason)}"]
            ),
            "",
            f"Plan `{plan.digest}`, under policy `{promotion.asked.policy}`.",
            "",
            f"`pratique approve {place}` and `pratique reject {place}` sign an answer, which always counts.",
            "An answer to this form counts only where the environment's gates take clicks.",
        ]
    )


def clock_table(steps: Sequence[Step]) -> list[dict[str, str]]:
    """What the clock does: one row for each environment of each service."""
    return [
        {
            "service": step.service,
            "environment": step.environment,
            "": step.kind,
            "commit": step.commit[:12],
            "why": step.reason,
            "until": f"{step.until:%Y-%m-%d %H:%M} UTC" if step.until else "",
            "run": step.run,
        }
        for step in steps
    ]


def reverification_table(found: Sequence[Reverified]) -> list[dict[str, str]]:
    """What is where, and whether it would be let in today: one row for each environment that holds a release."""
    return [
        {
            "service": one.service,
            "environment": one.environment,
            "commit": one.held.commit[:12],
            "": "well" if one.is_well else "revoked" if one.revoked else "not known" if one.unknown else "not well",
            "why": "; ".join((*one.reasons, *one.astray, *one.excepted, one.unknown)).strip("; "),
            "release": one.held.release,
        }
        for one in found
    ]


def delivery_report(stored: StoredRelease, promotions: Sequence[Promotion]) -> str:
    """Where a release went: each environment with its state, its time and the run that did it."""
    lines = [f"# {stored.release.service} {stored.release.commit.short}", ""]
    lines += ["| environment | | seconds | address | run |", "|---|---|---|---|---|"]
    for promotion in promotions:
        seconds = f"{(promotion.finished_at - promotion.started_at).total_seconds():.1f}" if promotion.finished_at else ""
        run = f"[run]({promotion.run_url})" if promotion.run_url else ""
        note = f"{promotion.state.value}: {escaped(promotion.reason)}" if promotion.reason else promotion.state.value
        lines.append(f"| {promotion.environment} | {note} | {seconds} | {promotion.address} | {run} |")
    return "\n".join([*lines, ""])


def escaped(text: str) -> str:
    """The text on one line, without what Markdown or HTML would read as markup."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&])", r"\\\1", " ".join(text.split()))
