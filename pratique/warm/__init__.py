"""Warm starts: a flow run's process is forked from one that has the imports behind it.

The worker (`tasks/_worker.py`) has a forking server of its own (`pratique.warm.server`), which has imported
every flow. It asks for a run by the name of one of `FLOWS` and the run's id, and nothing else ([`Forks`](forks.py)).
What the forked process then does is `tasks._running`: it runs the flow that it holds under that name.
"""

FLOWS = ("advance", "deliver", "prepare", "preview", "promote", "reverify", "rollback")
"""Every flow that a worker runs: `flows/<name>.py` defines the flow `<name>`."""

POOL_TYPE = "pratique"
"""The type of the work pools whose runs start so."""

JOB_TEMPLATE: dict[str, dict[str, object]] = {
    "job_configuration": {"labels": {}},
    "variables": {"type": "object", "properties": {}},
}
"""The base job template of such a pool, in Prefect's shape, which asks for one value: there is nothing in it to set."""
