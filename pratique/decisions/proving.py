"""The one proof: which grants the signed evidence of a release supports, and what speaks against each.

    proof = prove(seen)
    proof.problems                       # `pratique verify`, and of a file `pratique verify --bundle`
    proof.of_lineage("prod", grant)      # `pratique audit`
    supported_in(seen, "prod", recorded) # the gate `upstream`, and with it promotions, rollbacks and `reverify`

Nothing here asks the ledger or the clock: `seen` holds everything, so what a file holds is judged as what a registry holds.

The rules, in the order in which they are checked; each has its test, by its number, in
`tests/unit/decisions/test_proof_rules.py`.
What breaks a rule is *wrong*, or it is *missing*: not there to be looked at, so that nobody can tell. Neither is ever a yes.

The release, whatever was granted:

 1. Its commit is of the repository that the operator lists for the service.
 2. The infrastructure bundle is there, as the release names it by digest; and each image is, down to its layers, where a
    registry is asked.
 3. It and each of its images is signed, by somebody whom every environment trusts that has granted it.
 4. It and each of its images has provenance by such a signer, which names its commit and every part of it.
 5. What says that it is a grant or a ruling is signed by somebody who may make one.
 6. Each ruling about it says of itself what the release says, and whoever signed it may make one of its kind.
 7. Nobody has revoked it. This speaks against it today, and takes nothing from what was granted before.

Each grant, as its environment believes it:

 8. It says of itself what the release says, names exactly the environments that come before, and its time has come.
 9. Each grant that it is linked to is kept to rules 8 and 9 itself, is of the environment that it is named for, and is no
    later; one that it restores has a lower fence.
10. The settings know its environment.
11. It was not granted before it began.
12. The verdict that it names is there: by these gates, about this release here, under the same policy, passed, in time, and
    neither looked at less nor passed over anything else than the grant names.
13. Everything that the verdict looked at is there.
14. The results of the checks that it names are there, and name the same checks, all passed.
15. Each approval that it names is there, and is this person's, of this plan under this policy here, no later than the grant.
16. Each exception that it names is there, is for this environment, and was not over when the gates decided.
17. Each exception is signed word for word by enough people who may make one, for no longer than one may last.
18. As many people have approved as the service asks for, and as the operator does where the policy is today's; nobody who has a
    say had rejected the plan. Nobody is asked about a rollback, or where an exception passes over approvals.
19. What it says it replaces is there: an earlier grant of the service in the same environment, under a lower fence.

20. Each environment that the operator has come before, whatever the service says, had granted the release by then. What the
    operator asks for is known where the policy is today's.

A grant is *supported* where it keeps to rules 8 to 20, and so does each that it rests on by rules 9 and 20.
Whose word counts (15 to 18) is decided in `pratique.decisions.counted`, as of when the gates decided.

The ledger, where it was asked:

21. What it has on record as granted is a grant that keeps to rules 8 and 9.
22. What it has on record as ruled is a ruling that keeps to rule 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pratique.decisions.chain import Chain, SignedGrant, links_of, unproven
from pratique.decisions.proven_grants import ProvenGrant, pinned_of
from pratique.decisions.proven_releases import commit_part, image_part, release_part
from pratique.decisions.seen import Seen
from pratique.values._base import Value
from pratique.values.digest import Digest
from pratique.values.grant import Grant
from pratique.values.proof import GrantProof, Part, Proof


class Supported(Value):
    """What an environment has as granted, after every rule."""

    chain: Chain
    """The grants that are supported."""
    missing: tuple[str, ...] = ()
    """Why nobody can tell whether the environment itself has granted the release; empty where that can be told."""


def prove(seen: Seen) -> Proof:
    """The whole proof, each part with what is missing or wrong."""
    release = seen.stored.release
    names = [name for layer in release.manifest.generations for name in layer]
    chains = {name: seen.chain_in(name) for name in release.manifest.environments}
    grants = [one for name in names for one in _grants(seen, name, chains[name])]
    return Proof(
        service=release.service,
        release=seen.stored.digest,
        commit=release.commit.id,
        label=seen.stored.label,
        parts=(
            commit_part(seen),
            *(image_part(seen, image) for image in release.images),
            Part(
                kind="infrastructure",
                digest=release.infrastructure,
                missing=(seen.infrastructure,) if seen.infrastructure else (),  # 2
            ),
            release_part(seen, chains),
            *(_environment(seen, name, chains[name], grants) for name in names),
            *_ledger(seen, chains),
        ),
        grants=tuple(grants),
    )


def supported_in(seen: Seen, environment: str, recorded: Mapping[str, Digest]) -> Supported:
    """The grants that are supported, as the environment believes them: what the gates are told, and `prove` says.

    Of each environment that the ledger has on record as having granted it, that very grant counts, and no other.
    """
    chain = seen.chain_in(environment)
    against: dict[Digest, str] = {}
    absent: set[Digest] = set()
    grants = _grants(seen, environment, chain)
    for one in grants:
        parts = list(one.part.walk())
        wrong = [problem for part in parts for problem in part.wrong]
        missing = [problem for part in parts for problem in part.missing]
        if problems := [*wrong, *missing]:
            against[one.bundle] = problems[0].removeprefix(f"grant {one.bundle[7:19]} in {one.environment!r}: ")
        if missing and not wrong:
            absent.add(one.bundle)
    while unsupported := [
        (one, lost) for one in grants if one.bundle not in against for lost in one.follows if lost in against
    ]:
        for one, lost in unsupported:
            against[one.bundle] = f"it follows grant {lost[7:19]}, which does not count"
            absent |= {one.bundle} if lost in absent else set()
    supported = chain.without(against, absent).on_record(recorded)
    if environment in supported.by_environment:
        return Supported(chain=supported)
    faults = [fault for fault in supported.faults if f" {environment!r} " in fault]
    if not faults:
        gone = f"no grant in {environment!r} is attached by anyone whom it trusts"
        return Supported(
            chain=supported, missing=(unproven(environment, recorded[environment]) if environment in recorded else gone,)
        )
    is_unclear = all(fault in supported.absent for fault in faults)
    return Supported(chain=supported, missing=tuple(faults) if is_unclear else ())


def grant_part(seen: Seen, signed: SignedGrant, kind: str = "environment") -> Part:
    """The grant and everything that it names, whether its links hold or not."""
    if signed.bundle not in seen.parts:
        seen.parts[signed.bundle] = ProvenGrant(seen, signed).part(kind)
    return seen.parts[signed.bundle].model_copy(update={"kind": kind})


def _rests_on(seen: Seen, grant: Grant) -> tuple[Digest, ...]:
    """The grants that it is linked to, and those of the environments that the operator has come before."""
    pinned = (earlier for _, earlier in pinned_of(seen, grant) if earlier is not None)
    return tuple(dict.fromkeys((*(digest for _, digest in links_of(grant)), *pinned)))


def _grants(seen: Seen, believer: str, chain: Chain) -> list[GrantProof]:
    """The grants whose links hold for that environment, by environment and the newest first."""
    newest = sorted(chain.history, key=lambda one: (one.grant.environment, -one.grant.fence))
    heads = {one.grant.environment: one.bundle for one in reversed(newest)}
    return [
        GrantProof(
            believer=believer,
            environment=one.grant.environment,
            bundle=one.bundle,
            follows=_rests_on(seen, one.grant),
            part=grant_part(seen, one, "environment" if heads[one.grant.environment] == one.bundle else "earlier"),
        )
        for one in newest
    ]


def _environment(seen: Seen, name: str, chain: Chain, grants: Sequence[GrantProof]) -> Part:
    faults = dict.fromkeys(fault for one in (chain, seen.chain) for fault in one.faults if f" {name!r} " in fault)  # 8, 9
    absent = {*chain.absent, *seen.chain.absent}
    sorted_out = {
        "wrong": (*(fault for fault in faults if fault not in absent), *_unknown(seen, name)),  # 10
        "missing": tuple(fault for fault in faults if fault in absent),
    }
    here = [one.part for one in grants if (one.believer, one.environment) == (name, name)]
    if not here:
        return Part(kind="environment", name=name, says=("has not granted it",), **sorted_out)
    newest, *earlier = here
    sorted_out = {kind: (*found, *_believed_here_alone(name, grants, kind)) for kind, found in sorted_out.items()}
    update = {kind: tuple(dict.fromkeys((*faults_, *getattr(newest, kind)))) for kind, faults_ in sorted_out.items()}
    return newest.model_copy(update={**update, "parts": (*newest.parts, *earlier)})


def _believed_here_alone(name: str, grants: Sequence[GrantProof], kind: str) -> list[str]:
    """What is wrong, or missing, with grants that this environment follows and that their own do not believe."""
    own = {one.bundle for one in grants if one.believer == one.environment}
    others = [one.part for one in grants if one.believer == name and one.bundle not in own]
    return [problem for part in others for below in part.walk() for problem in getattr(below, kind)]


def _unknown(seen: Seen, name: str) -> list[str]:
    """What is wrong where somebody granted it in an environment that the settings do not know."""
    if name in seen.material.environments or name not in seen.chain.by_environment:
        return []
    return [f"{name!r} has granted it, and the settings do not know whom {name!r} trusts: add environments.{name}.trust"]


def _ledger(seen: Seen, chains: dict[str, Chain]) -> tuple[Part, ...]:
    """What the ledger has on record and no statement proves; nothing where all is."""
    missing = [*_off_the_record(seen, chains), *_unattached(seen)]
    return (Part(kind="ledger", name="on record", missing=tuple(missing)),) if missing else ()


def _off_the_record(seen: Seen, chains: dict[str, Chain]) -> list[str]:  # 21
    recorded = ((name, bundle) for name, bundle in (seen.recorded or {}).items() if name in chains)
    return [
        unproven(name, bundle)
        for name, bundle in recorded
        if not any((one.bundle, one.grant.environment) == (bundle, name) for one in chains[name].history)
    ]


def _unattached(seen: Seen) -> list[str]:  # 22
    proved = {signed.bundle for signed in seen.rulings.counted}
    return [
        f"the ledger has on record that {signed.by or 'the pipeline'} signed a ruling to {signed.ruling.kind} it, "
        f"{signed.bundle[7:19]}, which is not attached or does not count"
        for signed in seen.ruled
        if signed.bundle not in proved
    ]
