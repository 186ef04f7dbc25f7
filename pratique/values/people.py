"""People whose word counts: approvers, and those who may make exceptions, as the operator's settings name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import Field

from pratique.values._base import Value
from pratique.values.names import Name
from pratique.values.trust import Trusted


class Person(Value):
    """Somebody, the addresses that commits name them by, and how their signatures are known."""

    emails: tuple[str, ...] = Field(default=(), max_length=32)
    """As in the author of commits; compared without regard to case. Keyless identities are among them by themselves."""
    trust: tuple[Trusted, ...] = Field(min_length=1, max_length=16)


class People(Value):
    """Everybody, and the groups that they form."""

    persons: dict[Name, Person] = Field(default_factory=dict)
    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)

    def named(self, names: Iterable[str]) -> frozenset[str]:
        """The people whom these names of people and groups stand for; a name that is neither stands for nobody."""
        found: set[str] = set()
        for name in names:
            found |= {name} if name in self.persons else set(self.groups.get(name, ())) & self.persons.keys()
        return frozenset(found)

    @property
    def trusted(self) -> tuple[Trusted, ...]:
        """Every signer that is somebody's."""
        return tuple(dict.fromkeys(signer for person in self.persons.values() for signer in person.trust))


def require_known_people(
    persons: Mapping[str, Person], groups: Mapping[str, Sequence[str]], named: Mapping[str, Sequence[str]]
) -> None:
    """ValueError with every problem: a name of nobody, one name for a person and a group, one signer for two people."""
    problems = [f"{name} is a person and a group: give one another name" for name in persons.keys() & groups.keys()]
    for group, members in groups.items():
        problems += [
            f"groups.{group} names {member}, who is nobody: add [people.{member}]"
            for member in members
            if member not in persons
        ]
    for place, names in named.items():
        unknown = [name for name in names if name not in persons and name not in groups]
        problems += [f"{place} names {name}, which is no person and no group: add [people.{name}]" for name in unknown]
    owners: dict[Trusted, str] = {}
    for name, person in persons.items():
        for signer in person.trust:
            other = owners.setdefault(signer, name)
            if other != name:
                problems.append(
                    f"{other} and {name} have the same signer, so that one could speak for two: give each their own"
                )
    if problems:
        raise ValueError("; ".join(sorted(problems)))
