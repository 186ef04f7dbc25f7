"""What has been decided about a release: rulings read from signed statements alone.

    found = rulings_of(stored, gathered, now)

A ruling counts when everything it says of itself holds, and whoever signed it may make one of its kind: the pipeline may
hold and revoke, and pass on what somebody clicked; people may do everything else.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from pratique.decisions.dsse import problems_of
from pratique.decisions.evidence import Gathered
from pratique.values._base import Value
from pratique.values.evidence import Statement, VerifiedStatement, statement_about
from pratique.values.release import StoredRelease
from pratique.values.ruling import RULING_PREDICATE, RULINGS, Approve, Hold, Reject, Revoke, Ruling, SignedRuling


class Rulings(Value):
    """The rulings about one release: those that count, and why the others do not."""

    counted: tuple[SignedRuling, ...] = ()
    """By their time."""
    faults: tuple[str, ...] = ()


def ruling_statement(stored: StoredRelease, ruling: Ruling) -> Statement:
    """The statement that is signed: the release as its subject, the ruling as its predicate."""
    predicate = ruling.model_dump(mode="json")
    return statement_about(stored.reference.repository, stored.digest, RULING_PREDICATE, predicate)


def rulings_of(stored: StoredRelease, gathered: Gathered, now: datetime) -> Rulings:
    """The rulings among what is attached to the release and was verified."""
    counted: list[SignedRuling] = []
    faults: list[str] = []
    for found in gathered.ruled:
        try:
            ruling = RULINGS.validate_python(found.statement.predicate)
        except ValidationError as error:
            faults.append(f"ruling {found.bundle[7:19]} cannot be read: {problems_of(error)}")
            continue
        if problem := _contradiction(stored, found, ruling, now):
            faults.append(f"ruling {found.bundle[7:19]} ({ruling.kind}) does not count: {problem}")
        else:
            counted.append(SignedRuling(ruling=ruling, by=found.by, signer=found.signer, bundle=found.bundle))
    return Rulings(counted=tuple(sorted(counted, key=_when)), faults=tuple(faults))


def _when(signed: SignedRuling) -> tuple[datetime, str]:
    return signed.ruling.made_at, signed.bundle


def _contradiction(stored: StoredRelease, found: VerifiedStatement, ruling: Ruling, now: datetime) -> str:
    """The first thing in it that does not hold; empty where all does."""
    release = stored.release
    environment = None if isinstance(ruling, Revoke) else ruling.environment
    wrong = {
        "it does not speak of this release": not found.statement.speaks_of(stored.digest),
        f"it names the release {ruling.release}": ruling.release != stored.digest,
        f"it names the service {ruling.service}": ruling.service != release.service,
        f"it names the commit {ruling.commit}": ruling.commit != release.commit.id,
        "the release's pratique.yaml knows no such environment": (
            environment is not None and environment not in release.manifest.environments
        ),
        "its time has not come": ruling.made_at > now,
        "the pipeline may not make it by itself": not found.by and not _is_the_pipelines(ruling),
        "what was clicked is for the pipeline to pass on": (
            bool(found.by) and isinstance(ruling, Approve | Reject) and bool(ruling.clicked_by)
        ),
    }
    return next((problem for problem, is_wrong in wrong.items() if is_wrong), "")


def _is_the_pipelines(ruling: Ruling) -> bool:
    return isinstance(ruling, Hold | Revoke) or (isinstance(ruling, Approve | Reject) and bool(ruling.clicked_by))
