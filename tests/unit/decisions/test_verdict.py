from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pratique.decisions.verdict import Excepted, verdict_of
from pratique.errors import Refused
from pratique.values.decision import Wait
from pratique.values.digest import digest_of
from pratique.values.facts import ExceptionFacts
from pratique.values.gate import Denial, GateVerdict

YES = GateVerdict(gate="signed", origin="pratique", allowed=True)
NO = GateVerdict(
    gate="licences",
    origin="pratique",
    allowed=False,
    denials=(Denial(reason="a has X", finding="X"), Denial(reason="b has Y", finding="Y")),
)
LATER = GateVerdict(gate="windows", origin="pratique", allowed=False, waits=(Wait(reason="'prod' is closed"),))


def excepting(gate: str, finding: str = "", expires_at: int = 100) -> ExceptionFacts:
    bundles = (digest_of(b"1"), digest_of(b"2"))
    return ExceptionFacts(
        gate=gate, finding=finding, by=("bob", "cyd"), reason="tonight", expires_at=expires_at, bundles=bundles
    )


def test_every_reason_of_every_gate_is_told_with_its_gate() -> None:
    decision = verdict_of([YES, NO, LATER], [], {"signed", "licences"}).decision
    assert decision.reasons == ("gate licences: a has X", "gate licences: b has Y")
    assert [wait.reason for wait in decision.waits] == ["gate windows: 'prod' is closed"]


def test_where_every_gate_allows_so_does_the_verdict() -> None:
    assert verdict_of([YES], [], {"signed"}).decision.allowed


def test_no_gates_are_refused_and_so_is_one_that_said_nothing() -> None:
    assert not verdict_of([], [], ()).decision.allowed
    with pytest.raises(Refused, match="gate held: it gave no verdict"):
        verdict_of([YES], [], {"signed", "held"}).decision.require()


def test_a_gate_of_somebody_else_does_not_stand_in_for_one_that_ships() -> None:
    other = YES.model_copy(update={"origin": "service"})
    assert not verdict_of([other], [], {"signed"}).decision.allowed


def test_what_an_exception_passes_over_is_listed() -> None:
    found = verdict_of([NO, LATER], [excepting("licences", "X"), excepting("windows")], ())
    assert found.decision.reasons == ("gate licences: b has Y",)
    assert found.decision.waits == ()
    signed = {"by": ("bob", "cyd"), "until": datetime.fromtimestamp(100, UTC), "why": "tonight"}
    signed["bundles"] = excepting("licences").bundles
    assert found.excepted == (
        Excepted.model_validate({"gate": "licences", "reason": "a has X", **signed}),
        Excepted.model_validate({"gate": "windows", "reason": "'prod' is closed", **signed}),
    )


def test_an_exception_for_a_whole_gate_passes_over_everything_that_it_says() -> None:
    found = verdict_of([NO], [excepting("licences")], ())
    assert found.decision.allowed
    assert len(found.excepted) == 2


@pytest.mark.parametrize("exception", [excepting("signed"), excepting("licences", "Z"), excepting("windows", "X")])
def test_an_exception_for_something_else_passes_over_nothing(exception: ExceptionFacts) -> None:
    found = verdict_of([NO, LATER], [exception], ())
    assert (len(found.decision.reasons), len(found.decision.waits), found.excepted) == (2, 1, ())


def test_a_gate_cannot_refuse_without_a_word_or_allow_with_one() -> None:
    with pytest.raises(ValueError, match="says why"):
        GateVerdict(gate="a", origin="service", allowed=False)
    with pytest.raises(ValueError, match="does not allow"):
        GateVerdict(gate="a", origin="service", allowed=True, denials=(Denial(reason="no"),))
