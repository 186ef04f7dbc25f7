from __future__ import annotations

import re
from typing import Any

import pytest

from pratique.values.people import Person, require_known_people


def person(*pems: str) -> Person:
    return Person.model_validate({"trust": [{"kind": "key", "pem": pem} for pem in pems]})


@pytest.mark.parametrize(
    ("persons", "groups", "named", "problem"),
    [
        ({"ada": person("a")}, {"ada": ["ada"]}, {}, "ada is a person and a group"),
        ({"ada": person("a")}, {"team": ["bob"]}, {}, "groups.team names bob, who is nobody: add [people.bob]"),
        (
            {"ada": person("a")},
            {},
            {"environments.prod.gates.approvals.from": ["ops"]},
            "names ops, which is no person and no group",
        ),
        ({"ada": person("a"), "bob": person("b", "a")}, {}, {}, "ada and bob have the same signer"),
    ],
)
def test_people_who_cannot_be_told_apart_or_are_nobody_are_an_error(
    persons: dict[str, Person], groups: dict[str, Any], named: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        require_known_people(persons, groups, named)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"environments.*; groups.team") as told:
        require_known_people({}, {"team": ["bob"]}, {"environments.prod.exceptions.from": ["ops"]})
    assert str(told.value).count(";") == 1


def test_people_who_are_known_are_no_problem() -> None:
    require_known_people({"ada": person("a"), "bob": person("b")}, {"team": ["ada"]}, {"x": ["team", "bob"]})
