"""Which delivery goes on once the release that it waited with has been promoted."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pratique.values.promotion import PromotionState
from tasks import runs
from tests.contract.promotions import a_promotion
from tests.fakes.ledger import FakeLedger
from tests.fakes.prefect import FakePrefect

EARLIER, OWN = "earlier-delivery", "own-delivery"
WAITING = {"state_name": "Waiting", "parameters": {"repository": "hello", "ref": "main"}, "tags": ("pratique", "service:hello")}
GRANTED = a_promotion()
AGAIN = "on:{delivery}:prod:" + GRANTED.id


class Here:
    """A promotion's run that was asked for by `OWN`, after one of the same release had waited for `EARLIER`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prefect, self.ledger = FakePrefect(datetime(2026, 3, 4, tzinfo=UTC)), FakeLedger()
        self.prefect.add("asked-earlier", "CANCELLED", tags=(f"delivery:{EARLIER}",))
        self.ledger.begin(a_promotion(run_url="http://prefect/asked-earlier", id="1"))
        self.ledger.finish("1", PromotionState.SUPERSEDED, reason="another one was asked for")
        parts = SimpleNamespace(prefect=lambda: nullcontext(self.prefect), ledger=lambda: nullcontext(self.ledger))
        monkeypatch.setattr(runs, "clients", lambda: parts)
        monkeypatch.setattr(runs, "flow_run", SimpleNamespace(tags=[f"delivery:{OWN}"]))
        monkeypatch.setattr(runs, "tell", lambda _: None)

    async def started(self) -> list[str]:
        known = set(self.prefect.runs)
        await runs.go_on_delivering(GRANTED)
        return [one for one in self.prefect.runs if one not in known]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(monkeypatch)


async def test_the_delivery_that_waited_for_this_goes_on_once_with_the_commit_it_waited_with(here: Here) -> None:
    here.prefect.add(OWN, "CANCELLED", **WAITING)
    assert await here.started() == [AGAIN.format(delivery=OWN)]
    assert here.prefect.runs[AGAIN.format(delivery=OWN)].parameters == {"repository": "hello", "ref": GRANTED.commit}
    assert await here.started() == []


@pytest.mark.parametrize("state", ["SCHEDULED", "PENDING", "RUNNING", "PAUSED"])
async def test_one_that_has_not_ended_goes_on_by_itself_and_no_earlier_one_does_too(here: Here, state: str) -> None:
    here.prefect.add(EARLIER, "CANCELLED", **WAITING)
    here.prefect.add(OWN, state)
    assert await here.started() == []


@pytest.mark.parametrize("own", [None, "COMPLETED", "FAILED", "CANCELLED"])
async def test_an_earlier_one_goes_on_where_this_ones_own_has_ended_or_is_not_known(here: Here, own: str | None) -> None:
    here.prefect.add(EARLIER, "CANCELLED", **WAITING)
    if own:
        here.prefect.add(OWN, own, state_name=own.title())
    assert await here.started() == [AGAIN.format(delivery=EARLIER)]


async def test_nothing_is_started_where_no_delivery_waited(here: Here) -> None:
    here.prefect.add(EARLIER, "COMPLETED", state_name="Completed")
    assert await here.started() == []
