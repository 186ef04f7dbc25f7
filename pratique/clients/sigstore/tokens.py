"""Identity tokens for keyless signing, from where the pipeline runs."""

from __future__ import annotations

from sigstore.oidc import IdentityError, detect_credential

from pratique.errors import Refused, Transient


def ambient_token() -> str:
    """The token of the surroundings: GitHub Actions, GitLab, Buildkite, CircleCI or Google Cloud.

    Refused where there is none, and where the surroundings do not let this job have one.
    """
    remedy = "give the job the right to ask for identity tokens, or let Vault issue one (signing.vault_role)"
    try:
        token = detect_credential()
    except IdentityError as error:
        if "timed out" in str(error):
            raise Transient(f"the ambient identity provider did not answer: {error}") from None
        raise Refused(f"the ambient identity provider gave no token: {error} ({remedy})") from None
    if token is None:
        raise Refused(f"there is no ambient identity here ({remedy})")
    return token
