"""The recording target's own log: who was in, who died there, and whose late write was refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from pratique.errors import FenceLost
from pratique.values.digest import digest_of
from pratique.values.references import ImageReference
from pratique.values.workload import DesiredWorkload
from tests.faults.watching import eventually
from tests.recording.reading import Proof, read
from tests.recording.target import RecordingTarget
from tests.recording.workloads import RecordingWorkloads
from tests.services.engine import desired_workload


@pytest.fixture
def target(tmp_path: Path) -> Iterator[RecordingTarget]:
    with RecordingTarget(0, tmp_path / "log") as target:
        Thread(target=target.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield target
        target.shutdown()


def desired(commit: str) -> DesiredWorkload:
    return desired_workload("hello", ImageReference(repository="hello/images/web", digest=digest_of(b"image")), commit)


def entered(target: RecordingTarget, commit: str, fence: int) -> RecordingWorkloads:
    """A holder that is at work, and has not written yet."""
    holder = RecordingWorkloads(target.address)
    holder.__enter__()
    assert holder._ask("deploy", desired=desired(commit).model_dump(mode="json"), secrets={}, fence=fence) == {"work": True}
    return holder


def proof(target: RecordingTarget, tmp_path: Path, **expected: int) -> Proof:
    """What the log proves, once it has come to this."""

    def look() -> Proof | None:
        found = read(tmp_path / "log")
        return found if all(getattr(found, name) == count for name, count in expected.items()) else None

    return eventually(look, f"the log has {expected}")


def test_one_holder_after_the_other_is_no_overlap(target: RecordingTarget, tmp_path: Path) -> None:
    for fence, commit in enumerate("12", start=1):
        with RecordingWorkloads(target.address) as workloads:
            workloads.deploy(desired(commit), {}, fence, print)
    found = read(tmp_path / "log")
    assert list(found.writes.values()) == [1, 1]
    assert (found.overlaps, found.unfenced, found.taken_over) == ([], [], 0)


def test_one_that_dies_inside_is_gone_at_once_and_its_successor_writes(target: RecordingTarget, tmp_path: Path) -> None:
    entered(target, "1", 1).__exit__(None, None, None)
    proof(target, tmp_path, died_inside=1, died_before_writing=1)
    with RecordingWorkloads(target.address) as workloads:
        workloads.deploy(desired("1"), {}, 2, print)
    found = read(tmp_path / "log")
    assert list(found.writes.values()) == [1]
    assert found.taken_over == 0


def test_the_late_write_of_one_that_was_taken_over_from_is_refused(target: RecordingTarget, tmp_path: Path) -> None:
    silent = entered(target, "1", 1)
    with RecordingWorkloads(target.address) as workloads:
        workloads.deploy(desired("2"), {}, 2, print)
    with pytest.raises(FenceLost, match="fence 2"):
        silent._ask("write")
    silent.__exit__(None, None, None)
    found = read(tmp_path / "log")
    assert (found.taken_over, found.late, found.unfenced) == (1, 1, [])
    assert [commit for *_, commit in found.writes] == [desired("2").release]


def test_a_log_with_two_in_one_place_proves_the_opposite(tmp_path: Path) -> None:
    line = '{"at": 1.0, "what": "%s", "connection": %d, "service": "hello", "environment": "dev", "release": "r", "fence": %d}'
    told = [("enter", 1, 2), ("enter", 2, 2), ("write", 2, 2), ("enter", 3, 1), ("write", 3, 1)]
    (tmp_path / "log").write_text("\n".join(line % one for one in told))
    found = read(tmp_path / "log")
    assert len(found.overlaps) == 3
    assert len(found.unfenced) == 2
