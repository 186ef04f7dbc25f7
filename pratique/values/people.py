"""People whose word counts: approvers, and those who may make exceptions, as the operator's settings name them."""

from __future__ import annotations

from collections.abc import Iterable

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
