"""Deliveries to a recording target while workers are lost, until every one of them has ended."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pratique.clients.prefect import Run
from pratique.errors import Transient
from pratique.values.promotion import Promotion, PromotionState
from pratique.values.release import StoredRelease
from tests.recording.reading import Proof, read
from tests.recording.releases import release
from tests.services.shared_stack import SharedStack

GIVES_UP_AFTER = 3600.0
"""Seconds after which the rest is taken not to come any more; measures nothing."""


@dataclass
class Losses:
    """What was lost."""

    workers: int = 0
    """Workers that were killed with all they ran."""
    runs: int = 0
    """Flow runs that worked at them then."""
    alone: int = 0
    """Flow runs whose process was killed, and nothing else."""


@dataclass
class Outcome:
    """How it went."""

    seconds: float
    deliveries: list[Run]
    """The last attempt of each."""
    attempts: int
    """Runs of deliveries, all attempts together."""
    promotions: list[Promotion]
    proof: Proof
    losses: Losses
    states: dict[str, int] = field(default_factory=dict)

    def granted(self, *, with_changes: bool) -> list[Promotion]:
        """Those that were granted, and changed something or found everything done."""
        granted = [one for one in self.promotions if one.state is PromotionState.GRANTED]
        return [one for one in granted if one.reason.startswith("nothing to do") is not with_changes]


class Losing(threading.Thread):
    """Kills something every few seconds: a run's process, or each so many times a worker with everything it runs.

    The worker comes up again, as its supervisor would let it. After `most` times it is enough.
    """

    def __init__(
        self, stack: SharedStack, workers: Sequence[str], every: float, *, worker_each: int = 4, most: int = 10_000
    ) -> None:
        super().__init__(daemon=True)
        self._stack, self._workers, self._every = stack, list(workers), every
        self._worker_each, self._most = worker_each, most
        # The same choices with each run.
        self._random = random.Random(1)  # noqa: S311
        self._over = threading.Event()
        self.losses = Losses()

    def run(self) -> None:
        for number in range(1, self._most + 1):
            if self._over.wait(self._random.uniform(0.5, 1.5) * self._every):
                return
            name = self._random.choice(self._workers)
            if number % self._worker_each:
                self.losses.alone += self._stack.kill_run(name, self._random)
                continue
            self.losses.runs += len(self._stack.runs_of(name))
            self.losses.workers += 1
            self._stack.kill(name)
            self._stack.start_worker(name)

    def end(self) -> None:
        self._over.set()
        self.join()


def services(stack: SharedStack, names: Sequence[str]) -> list[StoredRelease]:
    """A signed release of each, new with each call."""
    with stack.clients() as clients:
        return [release(clients, stack.folder / "services" / name, name) for name in names]


def deliver_all(stack: SharedStack, releases: Sequence[StoredRelease], losing: Losing | None = None) -> Outcome:
    """How the deliveries of these releases ended, begun at once."""
    began = time.monotonic()
    with stack.clients() as clients, clients.prefect() as prefect:
        first = []
        for stored in releases:
            parameters = {"repository": stored.release.commit.repository, "requested_by": "driver"}
            first.append(prefect.start("deliver/pratique", parameters, key=f"deliver:{stored.digest}", tags=["pratique"]))
        if losing is not None:
            losing.start()
        try:
            last, attempts = _ended(stack, first)
        finally:
            if losing is not None:
                losing.end()
        seconds = time.monotonic() - began
        with clients.ledger() as ledger:
            promotions = [one for stored in releases for one in ledger.history(stored.release.service, limit=1000)]
    digests = {stored.digest for stored in releases}
    return Outcome(
        seconds=seconds,
        deliveries=last,
        attempts=attempts,
        promotions=[one for one in promotions if one.release in digests],
        proof=read(stack.log),
        losses=losing.losses if losing else Losses(),
    )


def _ended(stack: SharedStack, first: Sequence[Run]) -> tuple[list[Run], int]:
    """The last attempt of each delivery once all have ended otherwise than by being killed, and the number of attempts."""
    end = time.monotonic() + GIVES_UP_AFTER
    with stack.clients() as clients, clients.prefect() as prefect:
        while True:
            try:
                families = [_family(prefect.run(run.id), prefect.runs_tagged(f"first:{run.id}:1")) for run in first]
            except Transient:
                continue
            last = [family[-1] for family in families]
            if all(run.is_final and run.state_type != "CRASHED" for run in last):
                return last, sum(map(len, families))
            assert time.monotonic() < end, [f"{run.name}: {run.state_name}: {run.message}" for run in last]
            time.sleep(1)


def _family(first: Run, later: Sequence[Run]) -> list[Run]:
    return [first, *sorted(later, key=lambda run: next(int(tag[8:]) for tag in run.tags if tag.startswith("attempt:")))]
