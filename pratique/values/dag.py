"""The order in which environments come: upstream first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def require_acyclic(after: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError where an upstream environment is unknown, or where environments wait for each other."""
    for name, upstream in after.items():
        for other in upstream:
            if other not in after:
                raise ValueError(f"environments.{name}.after: no environment {other!r}; known: {', '.join(sorted(after))}")
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise ValueError(f"environments wait for each other: {circle}; remove one `after`") from None


def upstream_first(after: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """The environments in generations: each generation depends on earlier ones only, its names sorted."""
    sorter = TopologicalSorter(after)
    sorter.prepare()
    generations: list[tuple[str, ...]] = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        generations.append(ready)
        sorter.done(*ready)
    return generations
