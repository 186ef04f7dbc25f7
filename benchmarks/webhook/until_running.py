"""From `git push` to a running flow, on the local stack with its warm worker: seconds for each of several pushes.

    make bench-webhook            # or: python -m benchmarks.webhook.until_running --pushes 20

The bare repository's hook sends what GitHub would (the one of `tests/e2e/test_push.py`). The commits hold no `pratique.yaml`,
so that each delivery ends as soon as it has run: measured is the way to its first step, not its work.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.webhook.measure import machine
from tests.calls import SECRET
from tests.e2e.test_push import HOOK, webhook
from tests.services.git import GIT, git
from tests.services.stack import RunningStack

PAUSE = 1.0
"""Seconds between two pushes: the worker is idle again."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=20)
    asked = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="pratique-bench-") as place:
        stack = RunningStack(Path(place) / "stack")
        stack.local.up(print)
        try:
            found = sorted(measure(stack, Path(place), asked.pushes))
        finally:
            stack.local.down(print)
    print(f"p50 {statistics.median(found):.2f} s, p95 {found[int(len(found) * 0.95)]:.2f} s, longest {found[-1]:.2f} s")


def measure(stack: RunningStack, folder: Path, count: int) -> list[float]:
    """Seconds from the start of each push to the start of its flow run, as Prefect's server records it."""
    bare, work = folder / "hello.git", folder / "work"
    for place, options in ((bare, ["--bare"]), (work, [])):
        place.mkdir()
        git(place, "init", "--quiet", "--initial-branch=main", *options)
    hook = bare / "hooks" / "post-receive"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    stack.local.openbao().seed_secret("webhook", {"current": SECRET})

    def listed(content: dict[str, Any]) -> None:
        content["services"] = {"hello": {"repository": str(bare), "rules": [{"on": "push", "ref": "main", "do": "deliver"}]}}
        content["webhook"] = {"secrets": {"github": ["vault:kv/data/webhook#current"]}}

    found = []
    with stack.changed_settings(listed), webhook(stack, folder / "log") as url, stack.clients() as clients:
        for _ in range(count + 1):
            git(
                work,
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.test",
                "commit",
                "--quiet",
                "--allow-empty",
                "-m",
                "Change",
            )
            commit = git(work, "rev-parse", "HEAD")
            began = datetime.now(UTC)
            variables = {**stack.environment(), "WEBHOOK_SECRET": SECRET, "WEBHOOK_URL": url}
            command = [GIT, "-C", str(work), "push", "--quiet", str(bare), "main"]
            subprocess.run(command, env=variables, check=True, capture_output=True)
            found.append((_started(clients, commit) - began).total_seconds())
            time.sleep(PAUSE)
    # The first one makes the mirror, and wakes everything.
    return found[1:]


def _started(clients: Any, commit: str) -> datetime:
    """When the run that delivers the commit started; waits for it to end, so that the next one finds an idle worker."""
    while True:
        with clients.inbox() as inbox, clients.prefect() as prefect:
            (held, *_) = inbox.events(limit=1)
            if held.run and held.event.commit == commit:
                run = prefect.run(held.run)
                if run.is_final and run.start_time is not None:
                    return run.start_time
        time.sleep(0.1)


if __name__ == "__main__":
    main()
