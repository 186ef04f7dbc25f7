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
    """What speaks against it, one line each."""
    missing: tuple[str, ...] = ()
    """What is not there to be looked at, so that nobody can tell, one line each."""
    person: str = ""
    """Who of the settings signed it; empty for the pipeline and for strangers."""
    parts: tuple[Part, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is wrong with it or missing, without the parts below."""
        return (*self.wrong, *self.missing)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"{self.kind} {self.name}".strip()

    def walk(self) -> Iterator[Part]:
        """This part, and every one below it, in their order."""
        yield self
        for part in self.parts:
            yield from part.walk()


class GrantProof(Value):
    """What one grant came to by itself, and the grants that it rests on."""

    believer: Name
    """The environment whose trust it was read by: its own, or one that comes after it."""
    environment: Name
    bundle: Digest
    follows: tuple[Digest, ...] = ()
    """The grants that it is linked to: upstream, or the one that a rollback restores."""
    part: Part


class Proof(Value):
    """What verifying a release came to."""

    service: Name
    release: Digest
    commit: CommitId
    label: str
    parts: tuple[Part, ...]
    """From the commit to the environment that comes last."""
    grants: tuple[GrantProof, ...] = ()
    """Every grant whose links hold, older ones too, as each environment believes it."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is missing or wrong, once each."""
        return tuple(dict.fromkeys(one for part in self.parts for below in part.walk() for one in below.problems))

    @property
    def verified(self) -> bool:
        """Whether nothing is missing or wrong."""
        return not self.problems

    @property
    def of_the_release(self) -> tuple[str, ...]:
        """What is missing or wrong whatever was granted; what people have ruled since is not among it."""
        return self._of("commit", "image", "infrastructure", "release")

    @property
    def by_the_ledger(self) -> tuple[str, ...]:
        """What the ledger has on record and nothing proves."""
        return self._of("ledger")

    def _of(self, *kinds: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one for part in self.parts if part.kind in kinds for one in part.problems))

    @property
    def since(self) -> tuple[str, ...]:
        """What people, or the pipeline, have ruled against it, whatever was granted before."""
        ruled = (below for part in self.parts for below in part.walk() if below.kind == "ruling")
        return tuple(dict.fromkeys(one for part in ruled for one in part.problems))

    def of_grant(self, environment: str, bundle: Digest) -> Part | None:
        """The environment's grant and what it names, as it believes it itself; None where its links do not hold."""
        wanted = (environment, environment, bundle)
        return next((one.part for one in self.grants if (one.believer, one.environment, one.bundle) == wanted), None)

    def of_lineage(self, believer: str, bundle: Digest) -> tuple[str, ...]:
        """What is missing or wrong with a grant whose links hold for that environment, or with any that it rests on."""
        found: list[str] = []
        known = {one.bundle: one for one in self.grants if one.believer == believer}
        waiting, looked_at = [bundle], set[Digest]()
        while waiting:
            one = known.get(waiting.pop())
            if one is not None and one.bundle not in looked_at:
                looked_at.add(one.bundle)
                found += [problem for part in one.part.walk() for problem in part.problems]
                waiting += one.follows
        return tuple(dict.fromkeys(found))
