"""What a flow run would otherwise import and make for itself, made once: the warm process imports this, and is then forked.

Nothing here opens a connection or starts a thread, neither of which would outlive a fork.
"""

from __future__ import annotations

import functools
import ssl

# What Prefect's engine imports while a run goes on.
import anyio._backends._asyncio
import fastapi
import prefect._internal.observers
import prefect._internal.pytz
import prefect._internal.states
import prefect._vendor.croniter
import prefect.concurrency._asyncio
import prefect.concurrency.services
import prefect.task_engine
import prefect.utilities.visualization
import psutil
from pydantic import BaseModel

import pratique.clients.rego
import pratique.clients.syft
import pratique.clients.vault
from pratique.clients.cloudformation import remember_models
from pratique.clients.policy_files import shipped_modules
from pratique.clients.tls import trusting
from pratique.decisions.policy_sets import gates_of


def _complete(model: type[BaseModel]) -> None:
    """Make the validators that a model leaves until it is first used, which is in each run anew."""
    for one in model.__subclasses__():
        if not one.__pydantic_complete__:
            one.model_rebuild(raise_errors=False)
        _complete(one)


__all__ = ["anyio", "fastapi", "pratique", "prefect", "psutil"]

# Prefect makes a context for each client that it opens, some ten in a run, and reads every certificate for it.
ssl.create_default_context = functools.lru_cache(maxsize=8)(ssl.create_default_context)  # type: ignore[assignment]

trusting()
remember_models()
gates_of(shipped_modules())
_complete(BaseModel)
