"""A proof: what a release consists of and where it was let in, each part with who signed it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import AwareDatetime

from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.names import CommitId, Name


class Part(Value):
    """One thing that was looked at, and those that it rests on."""

    kind: str
    """`commit`, `image`, `infrastructure`, `release`, `environment`, `earlier`, `verdict`, `checks`, `approval`, `exception`,
    `replaced`, `ruling`, `ledger`, `running`."""
    name: str = ""
    digest: Digest | None = None
    by: tuple[str, ...] = ()
    """Who signed it."""
    at: AwareDatetime | None = None
    says: tuple[str, ...] = ()
    """What is to be known of it, one line each."""
    wrong: tuple[str, ...] = ()
    """What is missing or wrong, one line each."""
    parts: tuple[Part, ...] = ()

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"{self.kind} {self.name}".strip()

    def walk(self) -> Iterator[Part]:
        """This part, and every one below it, in their order."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Proof(Value):
    """What verifying a release came to."""

    service: Name
    release: Digest
    commit: CommitId
    label: str
    parts: tuple[Part, ...]
    """From the commit to the environment that comes last."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is missing or wrong, once each."""
        return tuple(dict.fromkeys(one for part in self.parts for below in part.walk() for one in below.wrong))

    @property
    def verified(self) -> bool:
        """Whether nothing is missing or wrong."""
        return not self.problems
