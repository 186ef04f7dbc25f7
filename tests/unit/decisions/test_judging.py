"""Which approvals a verdict names: those that let the release in, and no others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pratique.decisions.evidence import Gathered
from pratique.decisions.facts import facts_of
from pratique.decisions.judging import judged_of
from pratique.decisions.situation import Situation
from pratique.values.digest import digest_of
from pratique.values.environment import environment_of
from pratique.values.gate import GateVerdict
from pratique.values.plan import Plan
from pratique.values.requirements import Requirements
from tests.fakes.grants import BEGAN
from tests.fakes.rulings import PEOPLE, POLICY, by, ruled
from tests.fakes.stored_release import stored_release

STORED = stored_release()
SHOWN = Plan(reason="shown")
YES = GateVerdict(gate="approvals", origin="pratique", allowed=True)

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], set[str]]] = {
    "one who may": ("bob", {}, {}, {"bob"}),
    "the author": ("ada", {}, {}, set()),
    "the author, where that is no matter": ("ada", {}, {"not_author": False}, {"ada"}),
    "somebody whom nobody asks": ("cy", {}, {}, set()),
    "of another plan": ("bob", {"plan": digest_of(b"another")}, {}, set()),
    "under another policy": ("bob", {"policy": digest_of(b"another")}, {}, set()),
    "older than it may be": ("bob", {}, {"expires": "30m"}, set()),
    "for a shorter time": ("bob", {"expires_at": BEGAN + timedelta(minutes=59)}, {}, set()),
    "until later": ("bob", {"expires_at": BEGAN + timedelta(minutes=61)}, {}, {"bob"}),
    "a click": ("", {"clicked_by": "bob"}, {}, set()),
    "a click, where clicks count": ("", {"clicked_by": "bob"}, {"clicks": True}, {"bob"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_verdict_names_the_approvals_that_count(name: str) -> None:
    who, fields, asked, named = CASES[name]
    statement = by(STORED, who, ruled(STORED, "approve", **({"plan": SHOWN.digest} | fields)))
    approvals = {"approvals": {"from": ["ada", "bob"]} | asked}
    seen = Situation(
        stored=STORED,
        environment=environment_of(STORED.release.manifest, "prod"),
        origins=None,
        trusted=(),
        evidence=(Gathered(reference=STORED.reference, ruled=(statement,)),),
        asked_by_operator=Requirements.model_validate(approvals),
        people=PEOPLE,
        plan=SHOWN,
        policy=POLICY,
        now=BEGAN + timedelta(hours=1),
    )
    judged = judged_of(seen, facts_of(seen), [YES], set())
    assert {one.by for one in judged.approvals} == named
