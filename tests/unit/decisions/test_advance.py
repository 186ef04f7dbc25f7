"""What the clock brings where: a table of places."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pratique.decisions.advance import Place, Step, choose, newest_eligible, nothing_chosen, obstacle, step_of
from pratique.values.decision import Decision, Wait
from pratique.values.digest import digest_of
from pratique.values.promotion import Promotion, PromotionState

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "cases" / "advance.json").read_text())
MADE = ("first", "second", "third")
DIGESTS = {name: digest_of(name.encode()) for name in MADE}
NAMES = {digest: name for name, digest in DIGESTS.items()}
NOW = datetime(2026, 1, 9, 12, tzinfo=UTC)
UNTIL = datetime(2026, 1, 12, 8, tzinfo=UTC)


def promotions(environment: str, told: list[str]) -> tuple[Promotion, ...]:
    """From words, the newest first: `<state> <release>`, and `(rollback)` for one that was none."""
    found = []
    for age, words in enumerate(told):
        state, release, *kind = words.split()
        found.append(
            Promotion(
                id=f"{environment}-{age}",
                kind="rollback" if kind else "promote",
                service="hello",
                environment=environment,
                release=DIGESTS[release],
                commit=DIGESTS[release][7:47],
                requested_by="Ada",
                state=PromotionState(state),
                reason="as it was",
                fence=len(told) - age if state == "granted" else None,
                started_at=NOW - timedelta(hours=age),
            )
        )
    return tuple(found)


def granted(found: tuple[Promotion, ...]) -> tuple[Promotion, ...]:
    return tuple(one for one in found if one.state is PromotionState.GRANTED)


def place(case: dict[str, Any]) -> Place:
    own = promotions("prod", case["prod"])
    upstream = {name: granted(promotions(name, case[name])) for name in case.get("upstream", ["dev"])}
    return Place(
        service="hello",
        environment="prod",
        order=tuple(DIGESTS.values()),
        held=next(iter(granted(own)), None),
        own=own,
        upstream=upstream,
    )


def step(case: dict[str, Any]) -> Step:
    here = place(case)
    release = choose(here, newest_eligible(here), has_windows=case.get("windows", True))
    if release is None:
        return nothing_chosen(here)
    waits = tuple(Wait(reason=reason, until=UNTIL) for reason in case.get("waits", []))
    decision = Decision(reasons=tuple(case.get("refused", [])), waits=waits)
    return obstacle(here, release) or step_of(here, release, "c" * 40, decision)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_clock_takes_this_step(case: dict[str, Any]) -> None:
    found = step(case)
    assert [found.kind, *([NAMES[found.release]] if found.release else [])] == case["step"].split()
    assert case.get("why", "") in found.reason
    assert found.until == (UNTIL if found.kind == "waits" else None)


histories = some.lists(
    some.sampled_from([f"{state} {name}" for state in ("granted", "failed", "waiting", "running") for name in MADE]), max_size=5
)


@given(dev=histories, load=histories, prod=histories, windows=some.booleans())
def test_the_clock_never_goes_back_and_never_past_what_is_upstream(
    dev: list[str], load: list[str], prod: list[str], *, windows: bool
) -> None:
    case = {"upstream": ["dev", "load"], "dev": dev, "load": load, "prod": prod, "windows": windows}
    here, found = place(case), step(case)
    if found.kind != "moves":
        assert found.reason
        return
    assert found.release is not None
    assert here.held is None or here.rank(found.release) > here.rank(here.held.release)
    for grants in here.upstream.values():
        assert not grants or here.rank(found.release) <= here.rank(grants[0].release)
    last = next((one for one in here.own if one.release == found.release), None)
    assert last is None or last.state is PromotionState.WAITING


def test_of_all_ways_in_which_an_environment_can_stand_each_has_a_step() -> None:
    for dev, prod in itertools.product(["", *MADE], repeat=2):
        case = {"dev": [f"granted {dev}"] if dev else [], "prod": [f"granted {prod}"] if prod else []}
        moves = bool(dev) and (not prod or MADE.index(dev) > MADE.index(prod))
        assert (step(case).kind == "moves") is moves
