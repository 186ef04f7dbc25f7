"""Whose word counts: the approvals, rejections and exceptions that bear on one plan, under one policy, at one moment.

    words = words_of(heard(rulings, at, there), environment, people, commit)
    tally(asked, words, plan=plan, policy=policy, now=now).counted

The gates ask as of now, the proof as of the moment when the gates decided. Both ask here, and so does everything that is told
of it: what policies read, what a grant names, what reports say. Every bound that people's words are held to stands here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from pratique.decisions.authors import is_author
from pratique.values._base import Value
from pratique.values.commit import Commit
from pratique.values.digest import Digest
from pratique.values.facts import ApprovalFacts, ApprovalsFacts, ExceptionFacts, UncountedFacts
from pratique.values.grant import Approval, Grant
from pratique.values.people import People
from pratique.values.requirements import Approvals, Exceptions
from pratique.values.ruling import Approve, Except, Reject, Ruling, SignedRuling

CLOCKS = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""
SIGNATURES_OF_AN_EXCEPTION = 2
"""So many people sign the same one."""
LONGEST_ACT = timedelta(hours=6)
"""How long after its verdict a grant may rest on words that have ended since: what is decided takes its time to be done."""

APPROVALS = "approvals"
"""The gate that asks people."""


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, as policies are told moments."""
    return int(moment.timestamp())


def heard(rulings: Iterable[SignedRuling], at: datetime, there: Collection[Digest] | None = None) -> tuple[SignedRuling, ...]:
    """What could be heard at that moment: what says that it is no later, and what was certainly `there`, in bundles.

    None: everything that is given was there.
    """
    return tuple(one for one in rulings if there is None or one.ruling.made_at <= at or one.bundle in there)


def words_of(rulings: Iterable[SignedRuling], environment: str, people: People, commit: Commit) -> tuple[ApprovalFacts, ...]:
    """The newest word of each person on a plan in the environment, and of each who clicked; of two at once the rejection."""
    newest: dict[tuple[str, bool], ApprovalFacts] = {}
    for signed in sorted(rulings, key=lambda one: (one.ruling.made_at, isinstance(one.ruling, Reject), one.bundle)):
        ruling = signed.ruling
        if not isinstance(ruling, Approve | Reject) or ruling.environment != environment:
            continue
        by, is_click = ruling.clicked_by or signed.by, bool(ruling.clicked_by)
        expires_at = ruling.expires_at if isinstance(ruling, Approve) else None
        newest[by, is_click] = ApprovalFacts(
            kind=ruling.kind,
            by=by,
            is_click=is_click,
            is_author=by in people.persons and is_author(people.persons[by], commit),
            plan=ruling.plan,
            policy=ruling.policy,
            made_at=seconds(ruling.made_at),
            expires_at=None if expires_at is None else seconds(expires_at),
            reason=ruling.reason,
            bundle=signed.bundle,
        )
    return tuple(newest.values())


class Tally(Value):
    """What people's words come to for one side that asks for approvals."""

    counted: tuple[ApprovalFacts, ...] = ()
    objections: tuple[ApprovalFacts, ...] = ()
    """Rejections of this plan by those who have a say, under whatever policy."""
    uncounted: tuple[UncountedFacts, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Who has approved, each once however often they said it."""
        return tuple(sorted({one.by for one in self.counted}))


def tally(
    asked: ApprovalsFacts, words: Iterable[ApprovalFacts], *, plan: Digest | None, policy: Digest, now: datetime | int
) -> Tally:
    """Which of the words count for what is asked, and of each approval that does not, why."""
    moment = now if isinstance(now, int) else seconds(now)
    counted: list[ApprovalFacts] = []
    objections: list[ApprovalFacts] = []
    uncounted: list[UncountedFacts] = []
    for word in words:
        if word.kind == "reject":
            objections += [word] if word.plan == plan and not _has_no_say(asked, word) else []
        elif why := _why_not(asked, word, plan, policy, moment):
            uncounted.append(UncountedFacts(by=word.by, why=why))
        else:
            counted.append(word)
    return Tally(counted=tuple(counted), objections=tuple(objections), uncounted=tuple(uncounted))


def _has_no_say(asked: ApprovalsFacts, word: ApprovalFacts) -> list[str]:
    wrong = {
        "nobody of `from`": word.by not in asked.people,
        "a click, which proves nobody": word.is_click and not asked.clicks,
    }
    return [reason for reason, is_wrong in wrong.items() if is_wrong]


def _why_not(asked: ApprovalsFacts, word: ApprovalFacts, plan: Digest | None, policy: Digest, now: int) -> tuple[str, ...]:
    ends = [word.made_at + asked.expires, *([] if word.expires_at is None else [word.expires_at])]
    wrong = {
        "the commit's author": asked.not_author and word.is_author,
        "another plan": word.plan != plan,
        "another policy": word.policy != policy,
        "expired": min(ends) <= now,
        "made in the future": word.made_at > now + CLOCKS.total_seconds(),
    }
    return tuple(sorted([*_has_no_say(asked, word), *(reason for reason, is_wrong in wrong.items() if is_wrong)]))


def approval_reasons(named: Approval, signed: SignedRuling, grant: Grant) -> list[str]:
    """Every reason why the ruling is not the approval that the grant names; none means it is."""
    ruling = signed.ruling
    if not isinstance(ruling, Approve):
        return [f"it is no approval, but a ruling to {ruling.kind}"]
    is_click = bool(ruling.clicked_by)
    wrong = {
        f"it is about {ruling.environment}": ruling.environment != grant.environment,
        f"it is about the plan {ruling.plan}, and {grant.plan} was carried out": ruling.plan != grant.plan,
        f"it was given under the policy {ruling.policy}, the grant under {grant.policy}": ruling.policy != grant.policy,
        f"it is {ruling.clicked_by or signed.by}'s, not {named.by}'s": (ruling.clicked_by or signed.by) != named.by,
        "it is a click, which the grant takes for a signature": is_click and not named.is_click,
        "it is a signature, which the grant takes for a click": named.is_click and not is_click,
        "it is later than the grant": ruling.made_at > grant.granted_at + CLOCKS,
    }
    return [reason for reason, is_wrong in wrong.items() if is_wrong]


def asked_of(asked: Approvals, people: People) -> ApprovalsFacts:
    """What is asked, by names and in seconds, before anybody's word is counted."""
    return ApprovalsFacts(
        required=asked.required,
        people=tuple(sorted(people.named(asked.from_))),
        not_author=asked.not_author,
        expires=int(asked.expires.total_seconds()),
        clicks=asked.clicks,
    )


def told_to_gates(asked: ApprovalsFacts, found: Tally) -> ApprovalsFacts:
    """What is asked, with whose word counts for it."""
    answers = {"counted": found.people, "objections": found.objections, "not_counted": found.uncounted}
    return asked.model_copy(update=answers)


class Allowance(Value):
    """Who may make exceptions, and for how long at most."""

    people: frozenset[str] = frozenset()
    longest: timedelta | None = None
    """None where that is not known."""


def allowance_of(exceptions: Exceptions | None, people: People) -> Allowance:
    """As the operator has it; nobody where nothing is said."""
    if exceptions is None:
        return Allowance()
    return Allowance(people=people.named(exceptions.from_), longest=exceptions.longest)


def anybody(people: People) -> Allowance:
    """Every known person: what can be asked of an exception under a policy of another day."""
    return Allowance(people=frozenset(people.persons))


class Signed(Value):
    """An exception, and everybody who signed it word for word."""

    facts: ExceptionFacts
    wrong: tuple[str, ...] = ()
    """Why it does not count; empty where it does."""


def exceptions_of(rulings: Iterable[SignedRuling], environment: str, allowed: Allowance, at: datetime) -> tuple[Signed, ...]:
    """The exceptions in the environment that are not over: those that enough people have signed, who may, and the others."""
    same: defaultdict[tuple[object, ...], list[tuple[SignedRuling, Except]]] = defaultdict(list)
    for signed in sorted(rulings, key=lambda one: (one.ruling.made_at, one.bundle)):
        ruling = signed.ruling
        if isinstance(ruling, Except) and not exception_reasons(ruling, environment, at):
            same[ruling.gate, ruling.finding, ruling.reason, ruling.expires_at].append((signed, ruling))
    return tuple(_signed(copies, allowed) for copies in same.values())


def exception_reasons(ruling: Ruling, environment: str, at: datetime) -> list[str]:
    """Every reason why this is no exception for that environment at that moment, whoever signed it; none means it is."""
    if not isinstance(ruling, Except):
        return [f"it is no exception, but a ruling to {ruling.kind}"]
    wrong = {
        f"it is about {ruling.environment}": ruling.environment != environment,
        "it is later than the grant": ruling.made_at > at + CLOCKS,
        f"it had expired at {ruling.expires_at:%Y-%m-%d %H:%M} UTC, before the grant": ruling.expires_at <= at,
    }
    return [reason for reason, is_wrong in wrong.items() if is_wrong]


def _signed(copies: Sequence[tuple[SignedRuling, Except]], allowed: Allowance) -> Signed:
    may = [(signed, ruling) for signed, ruling in copies if signed.by in allowed.people]
    first = (may or copies)[0][1]
    signers = sorted({signed.by for signed, _ in may})
    what = f"the exception from {first.gate} {first.finding}".rstrip()
    wrong = {
        f"{what} lasts longer than any may": allowed.longest is not None and first.expires_at - first.made_at > allowed.longest,
        f"{what} has the word of {', '.join(signers) or 'nobody who may'} alone: two people sign one": (
            len(signers) < SIGNATURES_OF_AN_EXCEPTION
        ),
    }
    return Signed(
        facts=ExceptionFacts(
            gate=first.gate,
            finding=first.finding,
            by=tuple(signers),
            reason=first.reason,
            expires_at=seconds(first.expires_at),
            bundles=tuple(signed.bundle for signed, _ in may),
        ),
        wrong=tuple(reason for reason, is_wrong in wrong.items() if is_wrong),
    )


def passed_over(gate: str, finding: str, exceptions: Iterable[ExceptionFacts]) -> ExceptionFacts | None:
    """The exception that lasts longest of those for the whole gate, or for this finding of it."""
    fitting = [one for one in exceptions if one.gate == gate and (not one.finding or one.finding == finding)]
    return max(fitting, key=lambda one: one.expires_at, default=None)
