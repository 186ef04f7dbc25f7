"""What is asked for in an environment, as one digest that approvals, verdicts and grants name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pratique import __version__
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.environment import Environment
from pratique.values.people import People
from pratique.values.requirements import Exceptions, Requirements
from pratique.values.trust import Trusted


def policy_digest(
    environment: Environment,
    *,
    policies: Digest,
    asked_by_operator: Requirements,
    after: Sequence[str],
    exceptions: Exceptions | None,
    people: People,
    trusted: Sequence[Trusted],
    origins: Mapping[str, str] | None,
) -> Digest:
    """The digest of the policies, of what either side asks for, and of whose word counts.

    It changes when any of these does, or the pipeline's version; people whom nothing here names may come and go.
    """
    asked = [side.approvals.from_ for side in (environment.gates, asked_by_operator) if side.approvals is not None]
    allowed = [exceptions.from_] if exceptions is not None else []
    content = {
        "policies": policies,
        "environment": environment.model_dump(mode="json"),
        "operator": asked_by_operator.model_dump(mode="json"),
        "after": list(after),
        "exceptions": None if exceptions is None else exceptions.model_dump(mode="json"),
        "people": {
            name: people.persons[name].model_dump(mode="json")
            for names in (*asked, *allowed)
            for name in sorted(people.named(names))
        },
        "trusted": [signer.model_dump(mode="json") for signer in trusted],
        "origins": None if origins is None else dict(origins),
        "pipeline": __version__,
    }
    return digest_of(canonical_json(content))
