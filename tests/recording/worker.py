"""`python -m tests.recording.worker POOL NAME FOLDER`: as `pratique worker`, its workloads on the recording target."""

from __future__ import annotations

import sys
from pathlib import Path

from pratique.bootstrap import clients
from pratique.warm.worker import PRELOADED, work

if __name__ == "__main__":
    pool, name, folder = sys.argv[1:]
    sys.exit(work(clients(), pool, name, folder=Path(folder), log=print, preloaded=(*PRELOADED, "tests.recording.install")))
