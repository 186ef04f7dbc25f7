"""Which of Prefect's own lines are kept; named in `deployments/logging.yml`."""

from __future__ import annotations

import logging


class UnlessCompleted(logging.Filter):
    """Leaves out that a task has ended well, which its state says. What else its engine writes, and what we write, stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name != "prefect.task_runs" or record.getMessage() != "Finished in state Completed()"
