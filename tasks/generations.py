"""Generations: environments that are promoted into side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pratique.errors import Refused, Transient, Waiting
from pratique.values.promotion import Promotion
from pratique.values.release import StoredRelease
from tasks.runs import promote_in_own_run


async def promote_generation(stored: StoredRelease, environments: Sequence[str], requested_by: str) -> list[Promotion]:
    """The promotions into these environments; each goes on to its end, whatever becomes of the others.

    Where some do not come in, the gravest word is raised, with every reason: a refusal before a failure before a wait.
    """
    promoting = (promote_in_own_run(stored, environment, requested_by) for environment in environments)
    ended = await asyncio.gather(*promoting, return_exceptions=True)
    failures = [one for one in ended if isinstance(one, BaseException)]
    for word in (Refused, Transient, Waiting):
        if any(isinstance(failure, word) for failure in failures) and all(_is_ours(failure) for failure in failures):
            raise _together(failures, word)
    for bug in failures:
        raise bug
    return [one for one in ended if isinstance(one, Promotion)]


def _together(failures: Sequence[BaseException], word: type[Refused | Transient | Waiting]) -> Exception:
    gravest = next(failure for failure in failures if isinstance(failure, word))
    if len(failures) == 1:
        return gravest
    # Of its own kind (Invalid takes other arguments), so that the run's state still says which it was.
    kind = Refused if isinstance(gravest, Refused) else type(gravest)
    others = [str(failure) for failure in failures if failure is not gravest]
    return kind("; ".join([str(gravest), *others])) if word is Transient else kind(str(gravest), *others)


def _is_ours(failure: BaseException) -> bool:
    return isinstance(failure, Refused | Transient | Waiting)
