"""Identity tokens for keyless signing, from where the pipeline runs."""

from __future__ import annotations

import os

from sigstore.oidc import IdentityError, Issuer, IssuerError, detect_credential

from pratique.errors import Refused, Transient

PUBLIC_ISSUER = "https://oauth2.sigstore.dev/auth"
"""Where people log in for Sigstore's public good instance."""


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


def persons_token() -> str:
    """The token of whoever sits there: from `SIGSTORE_ID_TOKEN`, the surroundings, or a log-in in the browser."""
    given = os.environ.get("SIGSTORE_ID_TOKEN")
    if given:
        return given
    try:
        return ambient_token()
    except Refused:
        # No job's identity: a person is asked.
        pass
    try:
        return str(Issuer(PUBLIC_ISSUER).identity_token())
    except (IdentityError, IssuerError, OSError) as error:
        raise Refused(f"{PUBLIC_ISSUER} gave no identity token: {error} (put one into SIGSTORE_ID_TOKEN)") from None
