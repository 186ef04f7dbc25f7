"""`python -m tests.recording.worker POOL NAME FOLDER`: as `pratique worker`, its workloads on the recording target."""

from __future__ import annotations

import sys
from pathlib import Path

from pratique.bootstrap import clients
from pratique.warm.worker import program, work

if __name__ == "__main__":
    pool, name, folder = sys.argv[1:]
    start = program(pool, name, Path(folder), modules=["tests.recording.install"])
    work(clients(), start, name, folder=Path(folder), log=print)
