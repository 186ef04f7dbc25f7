"""What an environment's gates ask for, as one digest that a grant names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pratique import __version__
from pratique.values.digest import Digest, canonical_json, digest_of
from pratique.values.environment import Environment
from pratique.values.trust import Trusted


def policy_digest(environment: Environment, trusted: Sequence[Trusted], origins: Mapping[str, str] | None) -> Digest:
    """It changes when the environment's section does, whom it trusts, where services come from, or the pipeline's version."""
    content = {
        "environment": environment.model_dump(mode="json"),
        "trusted": [signer.model_dump(mode="json") for signer in trusted],
        "origins": None if origins is None else dict(origins),
        "pipeline": __version__,
    }
    return digest_of(canonical_json(content))
