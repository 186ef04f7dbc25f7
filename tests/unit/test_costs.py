"""The table at the end of a test run: what belongs to which row, and what is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.costs import Costs, Watch, kind_of, kind_of_process, table, tree_seconds


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (
            "/a/.venv/bin/python -m pratique.warm.server 7 tasks._running:run",
            "flow runs and their forking server",
        ),
        ("/a/.venv/bin/python /a/deployments/prefect_server.py server start --host 127.0.0.1", "Prefect server"),
        ("/a/.venv/bin/python /a/deployments/prefect_worker.py worker start --pool pratique", "Prefect worker"),
        ("/a/.venv/bin/python /a/.venv/bin/pratique deliver /tmp/pratique-stack-1/services/x", "pratique commands"),
        ("/a/.venv/bin/python -u -c import sys;exec(eval(sys.stdin.readline())) execnet", "pytest"),
        ("git fetch --quiet /tmp/pratique-stack-1/services/x", "git"),
        ("/usr/bin/something-else", "others"),
    ],
)
def test_a_process_is_called_after_what_it_is(command: str, kind: str) -> None:
    assert kind_of_process(command) == kind


def test_a_test_is_of_the_kind_of_its_folder() -> None:
    assert [kind_of("tests/unit/cli/test_x.py::test_y[a/b]"), kind_of("test_z.py::test_y")] == ["unit", "other"]


def test_the_table_has_kinds_processes_and_the_slowest_with_set_ups_apart() -> None:
    costs = Costs()
    for when, seconds in (("setup", 5.0), ("call", 2.0), ("teardown", 0.5)):
        report: Any = SimpleNamespace(nodeid="tests/e2e/test_x.py::test_y", when=when, duration=seconds, cpu=1.0)
        costs.add(report)
    text = table(costs, {"Prefect server": 6.0, "git": 0.4}, wall=9.0)
    assert text.startswith("1 tests in 9 s; 6 s of CPU\n")
    assert "| e2e | 1 | 8 | 3 |" in text
    assert "| Prefect server | 6 | 94 % |" in text
    assert "| git |" not in text
    assert text.index("| 5 | setup | `tests/e2e/test_x.py::test_y` |") < text.index("| 2 | call |")


def test_what_a_child_used_is_counted_while_it_lives_and_after_it_was_waited_for() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"
    before = tree_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "done\n"
        assert tree_seconds(os.getpid()) - before >= 0.25
    assert tree_seconds(os.getpid()) - before >= 0.25


def test_the_watch_sees_what_begins_after_it() -> None:
    watch = Watch()
    watch.start()
    command = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass\ninput()", "syft-of-the-test"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, executable=sys.executable) as child:
        while watch.by_process().get("others", 0.0) < 0.4:
            time.sleep(0.05)
        child.communicate(b"\n")
    watch.stop()
    assert watch.by_process()["others"] >= 0.4
