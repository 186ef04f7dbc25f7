"""How a flow run ends when something did not happen: in a state and a last line of its log that say which of our words it was.

A person then reads `Refused` in the Prefect UI with every reason, instead of `Failed` with a traceback,
and the command line turns the name into an exit code.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from prefect.states import Failed

from pratique.errors import Invalid, Refused, Transient, Waiting
from tasks._step import clean_of, tell_the_end

P = ParamSpec("P")
R = TypeVar("R")


def told(flow: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Below `@flow`: the final state carries our word and the reasons; called in-process, the flow still raises them."""

    @functools.wraps(flow)
    async def run(*arguments: P.args, **named: P.kwargs) -> Any:
        try:
            return await flow(*arguments, **named)
        except (Refused, Transient, Waiting) as word:
            name = next(kind.__name__ for kind in (Invalid, Refused, Transient, Waiting) if isinstance(word, kind))
            clean = clean_of(word)
            message = "; ".join([str(clean), *getattr(clean, "__notes__", ())])
            await tell_the_end(f"{name}: {message}", logging.WARNING if isinstance(word, Waiting) else logging.ERROR)
            return Failed(name=name, message=message, data=clean)
        except Exception as unknown:
            if (clean := clean_of(unknown)) is unknown:
                raise
            raise clean from None

    return run
