"""Imported, it puts the recording target in the place of Docker hosts: in the process that imports it, and its forks.

Nothing in the product imports it or can be told to: it is no part of a wheel, and the settings have no word for it.
The tests' own workers (`tests.recording.worker`) preload it. A run that starts cold does without, and then finds
what the tests' settings say: an engine that is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pratique.bootstrap import Clients
from pratique.clients.ports import Workloads
from pratique.values.environment import Environment
from tests.recording.variables import SECONDS, TARGET
from tests.recording.workloads import RecordingWorkloads


@contextmanager
def _workloads(self: Clients, environment: Environment) -> Iterator[Workloads]:
    self.place(environment.name)
    with RecordingWorkloads(os.environ[TARGET], float(os.environ[SECONDS])) as workloads:
        yield workloads


Clients.workloads = _workloads  # type: ignore[method-assign]
