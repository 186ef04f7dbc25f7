"""What a flow run would otherwise import and make for itself, made once: the warm process imports this, and is then forked.

Nothing here opens a connection or starts a thread, neither of which would outlive a fork.
"""

from __future__ import annotations

import functools
import ssl
from types import SimpleNamespace
from typing import NoReturn

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
from prefect import results
from prefect.client import orchestration
from pydantic import BaseModel

import pratique.clients.rego
import pratique.clients.syft
import pratique.clients.vault
from pratique.clients.cloudformation import remember_models
from pratique.clients.policy_files import shipped_modules
from pratique.clients.tls import trusting
from pratique.decisions.policy_sets import gates_of
from pratique.errors import Refused


def _complete(model: type[BaseModel]) -> None:
    """Make the validators that a model leaves until it is first used, which is in each run anew."""
    for one in model.__subclasses__():
        if not one.__pydantic_complete__:
            one.model_rebuild(raise_errors=False)
        _complete(one)


__all__ = ["anyio", "fastapi", "pratique", "prefect", "psutil"]

_remembered = functools.lru_cache(maxsize=8)(ssl.create_default_context)


def _context(**named: str) -> ssl.SSLContext:
    """For Prefect's clients, some ten in a run: the certificates of a file are read once.

    One that is asked for without a file is a new one each time: Prefect turns verification off in it, where it is told so.
    """
    return _remembered(**named) if named else ssl.create_default_context()


# Prefect's own name for the module, and nobody else's.
vars(orchestration)["ssl"] = SimpleNamespace(**{**vars(ssl), "create_default_context": _context})


async def _no_block() -> None:
    """Prefect's server may name a block where results are stored, which would also turn storing them on: none of ours is."""


def _no_result(*_: object, **__: object) -> NoReturn:
    """A state may say that its result lies in some block, pickled: to read it would run what is in there."""
    raise Refused("a state refers to a stored result: no run stores one, and none is read")


vars(results).update(
    _aread_server_default_result_storage_block_id=_no_block,
    _read_server_default_result_storage_block_id=lambda: None,
)
for _name in ("_read", "_aread"):
    setattr(results.ResultStore, _name, _no_result)

trusting()
remember_models()
gates_of(shipped_modules())
_complete(BaseModel)
