"""Chains of evidence, generated and damaged at random: for the test that whoever asks about one gets the same answer.

    with cheaply_signed() as seals:
        for seed, made in generated(seals, range(2000)): …

Whoever signs seals with a name, and whoever verifies looks that up: what is tried is what is decided of signed statements, not
signatures.
"""

from __future__ import annotations

import base64
import copy
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest

from pratique.clients.ports import StoredManifest
from pratique.decisions.chain import grant_statement
from pratique.decisions.summaries import verification_summary
from pratique.errors import Refused
from pratique.values.commit import Commit
from pratique.values.decision import Decision
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.environment import environment_of
from pratique.values.evidence import KeySigner, Statement, VerifiedStatement
from pratique.values.grant import Grant
from pratique.values.judged import Judged
from pratique.values.release import StoredRelease
from pratique.values.requirements import Approvals, Exceptions, Requirements
from pratique.values.ruling import RULINGS
from pratique.values.trust import Trusted, TrustedKey
from tests.fakes import evidenced as chains
from tests.fakes.evidenced import BEGAN, Evidenced, rule
from tests.fakes.registry import FakeRegistry
from tests.fakes.stored_release import COMMIT

SHORT = {"dev": {}, "prod": {"after": ["dev"]}}
SHAPES = (*[SHORT] * 6, chains.LINE, chains.GRAPH)
OTHER = digest_of(b"other")
PEOPLE = ("ada", "grace", "linus")

Signed = dict[Digest, tuple[str, Statement]]


class Seals:
    """Signers, and the verifier of what they signed; each statement is read once, when it is signed."""

    def __init__(self) -> None:
        self.known: Signed = {}

    def signer(self, name: str) -> _Signer:
        return _Signer(name, self.known)

    def verify(self, bundle: bytes, trusted: Sequence[Trusted]) -> VerifiedStatement:
        digest = digest_of(bundle)
        if digest not in self.known:
            raise Refused(f"bundle {digest}: the signature does not fit the content, one of them was changed")
        name, statement = self.known[digest]
        if _key(name) not in trusted:
            raise Refused(f"bundle {digest} is not signed by anyone trusted: {name} signed it")
        return VerifiedStatement(statement=statement, signer=KeySigner(hint=name), bundle=digest)


@dataclass
class _Signer:
    name: str
    known: Signed

    def sign(self, statement: Statement) -> bytes:
        payload = base64.b64encode(statement.payload()).decode()
        bundle = json.dumps({"dsseEnvelope": {"payload": payload, "signatures": [{"sig": self.name}]}}).encode()
        self.known[digest_of(bundle)] = (self.name, statement)
        return bundle


@cache
def _key(name: str) -> TrustedKey:
    return TrustedKey(pem=f"fake:{name}")


@contextmanager
def cheaply_signed() -> Iterator[Seals]:
    """Within it `tests.fakes.evidenced` signs with names."""
    seals = Seals()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "signer", seals.signer)
        patch.setattr(chains, "key", _key)
        patch.setattr(chains, "stored_in", _stored_in)
        yield seals


def _stored_in(registry: FakeRegistry, environments: dict[str, Any], commit: Commit = COMMIT) -> StoredRelease:
    """As `tests.fakes.evidenced` stores a release, made once for each shape and commit."""
    name = f"{canonical_json(environments).decode()} {commit.id}"
    if name not in _STORED:
        made = FakeRegistry()
        _STORED[name] = (_STORE(made, environments, commit), made)
    stored, made = _STORED[name]
    registry.blobs |= made.blobs
    registry.manifests |= made.manifests
    return stored


_STORE = chains.stored_in
_STORED: dict[str, tuple[StoredRelease, FakeRegistry]] = {}


@dataclass
class Shelf:
    """`RegistryReading` of what is attached to a chain, as it lies there."""

    found: Evidenced

    def manifest(self, repository: str, digest: Digest) -> StoredManifest | None:
        return self.found.registry.manifest(repository, digest)

    def blob(self, repository: str, digest: Digest) -> bytes:
        for reference, bundle in self.found.attached.values():
            if reference.repository == repository and digest_of(bundle) == digest:
                return bundle
        return self.found.registry.blob(repository, digest)

    def bundles(self, repository: str, subject: Digest) -> tuple[bytes, ...]:
        here = (repository, subject)
        attached = self.found.attached.values()
        return tuple({bundle: None for reference, bundle in attached if (reference.repository, reference.digest) == here})


@dataclass
class Made:
    """A chain, and the grants that a ledger has on record: by environment, the oldest first."""

    found: Evidenced
    recorded: dict[str, list[Digest]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    """What was done to it."""


def generated(seals: Seals, seeds: Iterable[int]) -> Iterator[tuple[int, Made]]:
    """A chain for each seed, with up to five things amiss, often with none that matters; four are signed as one."""
    whole, number = None, None
    for seed in seeds:
        if whole is None or seed // 4 != number:
            number = seed // 4
            seals.known.clear()
            whole = _whole(random.Random(f"whole {number}"))  # noqa: S311  # a seed, no secret
        yield seed, _damaged(whole, random.Random(seed))  # noqa: S311


def _whole(chance: random.Random) -> Made:
    shape = copy.deepcopy(chance.choice(SHAPES))
    hooks = Hooks(chance, list(shape))
    done = [f"{way.__name__}: {way(hooks)}" for way in chance.choices(BEFORE, k=chance.choice((0, 0, 1, 1, 2)))]
    found = chains.evidenced(shape, change=hooks.change, settle=hooks.settle, pipeline=hooks.pipeline)
    return Made(found, {name: [found.digest(f"grant of {name}")] for name in shape}, done)


def _damaged(whole: Made, chance: random.Random) -> Made:
    found = replace(whole.found, attached=dict(whole.found.attached))
    made = Made(found, {name: list(bundles) for name, bundles in whole.recorded.items()}, list(whole.done))
    ways = chance.choices(AFTER, k=chance.choice((0, 0, 1, 1, 2)))
    ways += [again] if chance.random() < 0.3 else []
    made.done += [f"{way.__name__}: {way(made, chance)}" for way in reversed(ways)]
    return made


# What goes wrong before anything is signed, so that what names it names what it has become.


class Hooks:
    """What `evidenced` asks while it makes a chain."""

    def __init__(self, chance: random.Random, environments: list[str]) -> None:
        self.chance, self.environments = chance, environments
        self.fields: list[tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = []
        self.edits: list[tuple[str, int]] = []
        self.signers: dict[str, str] = {}

    def change(self, name: str, statement: Statement) -> Statement:
        for wanted, number in self.edits:
            if wanted == name:
                statement = edited(statement, number)
        return statement

    def settle(self, environment: str, fields: dict[str, Any]) -> None:
        for wanted, change in self.fields:
            if wanted == environment:
                fields |= change(fields)

    def pipeline(self, name: str) -> Any:
        return chains.signer(self.signers.get(name, "pipeline"))


def edited(statement: Statement, number: int) -> Statement:
    """One field of it, another value."""
    document = statement.model_dump(mode="json", by_alias=True)
    leaves = [path for path in _leaves(document) if path[0] != "_type"]
    path = leaves[number % len(leaves)]
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = _instead(parent[path[-1]], number)
    try:
        return Statement.model_validate(document, by_alias=True, by_name=False)
    except ValueError:
        return statement


def _leaves(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if not isinstance(document, dict | list) or not document:
        yield above
        return
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield from _leaves(value, (*above, key))


def _instead(value: Any, number: int) -> Any:  # noqa: PLR0911  # one line for each kind of value
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if value.startswith("20") and "T" in value:
            shift = (timedelta(days=-700), timedelta(minutes=-4), timedelta(minutes=4), timedelta(days=60))[number % 4]
            return (datetime.fromisoformat(value) + shift).isoformat()
        case str() if value.startswith("sha256:"):
            return OTHER
        case str():
            return f"{value}x"
        case list():
            return ["x"]
        case _:
            return OTHER


STATEMENTS = ("grant", "verdict", "checks")


def a_field_of_a_statement(hooks: Hooks) -> str:
    name = hooks.chance.choice(hooks.environments)
    names = [f"{kind} of {name}" for kind in STATEMENTS]
    if name == "prod":
        names += [f"{kind} of prod by {who}" for kind in ("approval", "exception") for who in ("grace", "linus")]
        names += ["earlier grant of prod", "provenance of hello/releases", "signature of hello/images/web"]
    hooks.edits.append((hooks.chance.choice(names), hooks.chance.randrange(10_000)))
    return str(hooks.edits[-1])


def a_field_of_a_grant(hooks: Hooks) -> str:
    name, chance = hooks.chance.choice(hooks.environments), hooks.chance
    number = chance.randrange(len(GRANT_FIELDS))
    hooks.fields.append((name, lambda fields: GRANT_FIELDS[number](fields, chance)))
    return f"{number} of {name}"


GRANT_FIELDS: tuple[Callable[[dict[str, Any], random.Random], dict[str, Any]], ...] = (
    lambda fields, chance: {"granted_at": fields["granted_at"] + timedelta(minutes=chance.choice((-90, -4, 4, 200, 5000)))},
    lambda fields, chance: {"began_at": fields["granted_at"] + timedelta(minutes=chance.choice((-4000, 2, 7)))},
    lambda fields, chance: {"fence": chance.choice((1, fields["fence"] + 1))},
    lambda fields, chance: {"upstream": fields["upstream"][1:]},
    lambda fields, chance: {"approvals": fields.get("approvals", ())[: chance.randrange(2)]},
    lambda fields, chance: {"approvals": fields.get("approvals", ())[:1] * 2},
    lambda fields, chance: {"approvals": tuple(one.model_copy(update={"by": "ada"}) for one in fields.get("approvals", ()))},
    lambda fields, chance: {"exceptions": fields.get("exceptions", ())[: chance.randrange(2)]},
    lambda fields, chance: {"exceptions": (OTHER, *fields.get("exceptions", ()))},
    lambda fields, chance: {"verdict": chance.choice((None, OTHER))},
    lambda fields, chance: {"results": chance.choice((None, OTHER))},
    lambda fields, chance: {"checks": ()},
    lambda fields, chance: {"plan": OTHER},
    lambda fields, chance: {"policy": OTHER},
    lambda fields, chance: {"replaces": chance.choice((None, OTHER))},
    lambda fields, chance: {"release": OTHER},
)


def another_signer(hooks: Hooks) -> str:
    names = [f"{kind} of {hooks.chance.choice(hooks.environments)}" for kind in STATEMENTS]
    name = hooks.chance.choice([*names, "provenance of hello/releases", "signature of hello/images/web"])
    hooks.signers[name] = hooks.chance.choice(("stranger", "grace"))
    return f"{name} by {hooks.signers[name]}"


BEFORE = (a_field_of_a_statement, a_field_of_a_grant, another_signer)


# What is done to it afterwards: to what is attached, to what people say, to what the settings believe.


def drop(made: Made, chance: random.Random) -> str:
    names = chance.sample(sorted(made.found.attached), k=min(len(made.found.attached), chance.choice((1, 1, 2, 5))))
    for name in names:
        del made.found.attached[name]
    return ", ".join(names)


def unsigned_edit(made: Made, chance: random.Random) -> str:
    name = chance.choice(sorted(made.found.attached))
    reference, bundle = made.found.attached[name]
    made.found.attached[name] = (reference, bundle + b" ")
    return name


def sign_again(made: Made, chance: random.Random) -> str:
    name, who = chance.choice(sorted(made.found.attached)), chance.choice(("stranger", "pipeline", *PEOPLE))
    reference, bundle = made.found.attached[name]
    made.found.attached[name] = (reference, chains.signer(who).sign(_statement(bundle)))
    return f"{name} by {who}"


def swap(made: Made, chance: random.Random) -> str:
    one, other = chance.sample(sorted(made.found.attached), k=2)
    attached = made.found.attached
    attached[one], attached[other] = (attached[one][0], attached[other][1]), (attached[other][0], attached[one][1])
    return f"{one}, {other}"


def a_word(made: Made, chance: random.Random) -> str:
    """Somebody rules something about the release, about when prod was granted."""
    kind, who = (
        chance.choice(("approve", "reject", "except", "revoke", "hold")),
        chance.choice((*PEOPLE, "pipeline", "stranger")),
    )
    granted_at = BEGAN + timedelta(minutes=60 * (len(made.recorded) - 1))
    made_at = granted_at + timedelta(minutes=chance.choice((-300, -3, -1, 0, 3, 6)))
    about: dict[str, Any] = {"service": "hello", "release": made.found.stored.digest, "commit": COMMIT.id, "kind": kind}
    about |= {"made_at": made_at, "reason": "it burns"}
    if kind != "revoke":
        about["environment"] = chance.choice(("prod", "prod", "dev"))
    if kind in {"approve", "reject"}:
        about |= {"plan": digest_of(b"plan of prod"), "policy": chains.policy("prod")}
        about |= {"clicked_by": chance.choice(("", "", *PEOPLE))} if who == "pipeline" else {}
    if kind == "except":
        about |= {"gate": chance.choice(("soak", "approvals")), "expires_at": granted_at + timedelta(minutes=60)}
    if kind == "hold":
        about["promotion"] = "p"
    rule(made.found, f"word {len(made.found.attached)}", RULINGS.validate_python(about), who)
    return f"{who}: {kind}"


def again(made: Made, chance: random.Random) -> str:
    """An environment grants it once more, or goes back to it, and the ledger is told or not."""
    name, found = chance.choice(list(made.recorded)), made.found
    if f"grant of {name}" not in found.attached:
        return "nothing"
    first = _statement(found.attached[f"grant of {name}"][1]).predicate
    try:
        grant = Grant.model_validate(first)
    except ValueError:
        return "nothing"
    minute = 60 * len(made.recorded) + 60
    at = BEGAN + timedelta(minutes=minute)
    goes_back = chance.random() < 0.5
    environment = environment_of(found.stored.release.manifest, name)
    judged = Judged(
        decision=Decision(), besides_approval=Decision(), policy=grant.policy, looked_at=(), at=at - timedelta(seconds=30)
    )
    verdict = found.sign(f"verdict of {name} again", verification_summary(found.stored, environment, judged))
    fields: dict[str, Any] = {"granted_at": at, "began_at": at, "promotion": f"again {name}", "fence": 500, "verdict": verdict}
    fields |= {"approvals": (), "exceptions": (), "results": None, "checks": (), "replaces": None}
    if goes_back:
        fields |= {"kind": "rollback", "upstream": (), "restores": found.digest(f"grant of {name}")}
    statement = grant_statement(found.stored, grant.model_copy(update=fields))
    digest = found.sign(f"grant of {name} again", statement)
    if chance.random() < 0.8:
        made.recorded[name].append(digest)
    return f"{name} {'back' if goes_back else 'forth'}"


def other_trust(made: Made, chance: random.Random) -> str:
    """The settings believe something else than they did."""
    found, name = made.found, chance.choice(list(made.recorded))
    places, people = dict(found.material.environments), found.material.people
    if name not in places:
        return "nothing"
    place = places[name]
    way = chance.randrange(7)
    approvals = Approvals.model_validate(
        {"required": chance.randint(1, 3), "from": ["approvers"], "clicks": chance.random() < 0.5, "expires": "1h"}
    )
    match way:
        case 0:
            places[name] = place.model_copy(update={"trust": (_key("stranger"),)})
        case 1:
            places[name] = place.model_copy(update={"policy": OTHER})
        case 2:
            places[name] = place.model_copy(update={"gates": Requirements(approvals=approvals)})
        case 3:
            places[name] = place.model_copy(
                update={"exceptions": chance.choice((None, _exceptions("grace"), _exceptions("ada")))}
            )
        case 4:
            gone = chance.choice(PEOPLE)
            persons = {one: person for one, person in people.persons.items() if one != gone}
            people = people.model_copy(update={"persons": persons})
        case 5:
            del places[name]
        case 6:
            places[name] = place.model_copy(
                update={"after": tuple(chance.sample(sorted(made.recorded), k=chance.randint(1, 2)))}
            )
    found.material = found.material.model_copy(update={"environments": places, "people": people})
    return f"{name} {way}"


def _exceptions(*people: str) -> Exceptions:
    return Exceptions.model_validate({"from": people, "longest": "4h"})


def _statement(bundle: bytes) -> Statement:
    payload = base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"])
    return Statement.model_validate_json(payload, by_alias=True, by_name=False)


AFTER = (drop, unsigned_edit, sign_again, swap, a_word, a_word, again, other_trust, other_trust)
