"""Slots of a schedule that were missed: one run does their work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from pratique.clients.prefect import Prefect, Run
from pratique.pipeline.schedule import leave_to_later
from tests.fakes.scheduled_runs import FakeRuns

NOW = datetime(2026, 1, 9, 12, 5, tzinfo=UTC)


def slot(number: int, state: str = "SCHEDULED", **fields: object) -> Run:
    """The run of a slot; the lower its number, the longer ago."""
    due = NOW - timedelta(minutes=5) - timedelta(minutes=10) * (9 - number)
    known = {"id": str(number), "name": f"slot {number}", "deployment_id": "advance", "auto_scheduled": True}
    return Run.model_validate({**known, "state_type": state, "expected_start_time": due, **fields})


def left(prefect: FakeRuns, run: int) -> str | None:
    later = leave_to_later(cast("Prefect", prefect), str(run), NOW)
    return later and later.id


def test_the_first_missed_run_leaves_its_work_to_the_latest_and_takes_those_between_away() -> None:
    prefect = FakeRuns(slot(5, "RUNNING"), slot(6), slot(7), slot(8), slot(9), slot(10))
    assert left(prefect, 5) == "9"
    assert sorted(prefect.skipped) == ["6", "7", "8"]
    assert all("2026-01-09 12:00:00 UTC does its work" in why for why in prefect.skipped.values())


def test_the_latest_does_the_work_and_takes_older_ones_away_that_no_worker_has_taken() -> None:
    prefect = FakeRuns(slot(6), slot(7, "PENDING"), slot(8, "COMPLETED"), slot(9, "RUNNING"), slot(10))
    assert left(prefect, 9) is None
    assert list(prefect.skipped) == ["6"]


@pytest.mark.parametrize("state", ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"])
def test_a_later_run_that_does_or_did_the_work_is_left_it(state: str) -> None:
    assert left(FakeRuns(slot(8, "RUNNING"), slot(9, state)), 8) == "9"


@pytest.mark.parametrize("state", ["CANCELLED", "CANCELLING", "CRASHED", "FAILED"])
def test_one_that_did_not_do_it_is_left_nothing(state: str) -> None:
    assert left(FakeRuns(slot(8, "RUNNING"), slot(9, state)), 8) is None


def test_whatever_the_order_in_which_they_start_exactly_one_does_the_work() -> None:
    for order in ([5, 6, 7, 8, 9], [9, 8, 7, 6, 5], [7, 5, 9, 6, 8]):
        prefect = FakeRuns(*(slot(number, "PENDING") for number in order))
        assert [number for number in order if left(prefect, number) is None] == [9]


def test_a_run_that_a_person_started_does_what_it_was_asked_and_counts_for_no_slot() -> None:
    prefect = FakeRuns(slot(7, "RUNNING"), slot(8, "RUNNING", auto_scheduled=False), slot(9, auto_scheduled=False))
    assert left(prefect, 8) is None
    assert left(prefect, 7) is None
    assert prefect.skipped == {}


def test_a_slot_that_is_still_to_come_and_another_deployment_are_left_alone() -> None:
    prefect = FakeRuns(slot(9, "RUNNING"), slot(10), slot(8, deployment_id="deliver"))
    assert left(prefect, 9) is None
    assert prefect.skipped == {}
