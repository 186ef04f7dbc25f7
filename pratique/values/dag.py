"""The order in which environments come: upstream first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


def circle(after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Environments that wait for each other, each followed by one that waits for it; empty where none do."""
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        names: list[str] = error.args[1]
        return tuple(names)
    return ()


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


def upstream_of(after: Mapping[str, Sequence[str]], name: str) -> frozenset[str]:
    """Every environment that a release passes before it comes to `name`, near or far."""
    found: set[str] = set()
    ahead = list(after[name])
    while ahead:
        if (before := ahead.pop()) not in found:
            found.add(before)
            ahead += after[before]
    return frozenset(found)
