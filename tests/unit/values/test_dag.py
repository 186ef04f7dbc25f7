"""The order of environments."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pratique.values.dag import circle, upstream_first


@pytest.mark.parametrize(
    ("after", "generations"),
    [
        ({"dev": []}, [("dev",)]),
        ({"prod": ["staging"], "staging": ["dev"], "dev": []}, [("dev",), ("staging",), ("prod",)]),
        ({"dev": [], "eu": ["dev"], "us": ["dev"], "all": ["us", "eu"]}, [("dev",), ("eu", "us"), ("all",)]),
        ({"b": [], "a": []}, [("a", "b")]),
    ],
)
def test_upstream_comes_first(after: dict[str, list[str]], generations: list[tuple[str, ...]]) -> None:
    assert upstream_first(after) == generations
    assert circle(after) == ()


@pytest.mark.parametrize("after", [{"a": ["a"]}, {"a": ["b"], "b": ["a"]}, {"a": ["c"], "b": ["a"], "c": ["b"], "d": []}])
def test_a_circle_is_named_from_each_to_the_one_that_waits_for_it(after: dict[str, list[str]]) -> None:
    found = circle(after)
    assert found[0] == found[-1]
    assert all(before in after[name] for before, name in itertools.pairwise(found))


@given(some.dictionaries(some.sampled_from("abcdef"), some.lists(some.sampled_from("abcdef"), max_size=3), max_size=6))
def test_either_there_is_a_circle_or_everyone_comes_after_its_upstream(after: dict[str, list[str]]) -> None:
    known = {name: [other for other in upstream if other in after] for name, upstream in after.items()}
    if circle(known):
        return
    place = {name: index for index, generation in enumerate(upstream_first(known)) for name in generation}
    assert place.keys() == known.keys()
    assert all(place[other] < place[name] for name, upstream in known.items() for other in upstream)
