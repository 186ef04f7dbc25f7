"""Evidence signed with a short-lived certificate for an OIDC identity (keyless), through Fulcio and Rekor."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from sigstore.dsse import Statement as SigstoreStatement
from sigstore.errors import Error
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.oidc import IdentityError, IdentityToken
from sigstore.verify import Verifier
from sigstore.verify.policy import OIDCIssuer

from pratique.clients.sigstore.free_text import without_secrets
from pratique.clients.sigstore.roots import private_trust_config, public_trust_config
from pratique.clients.sigstore.services import in_our_words, signing_context
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import KeylessSigning
from pratique.values.evidence import PAYLOAD_TYPE, Statement


class KeylessEvidenceSigner:
    """Takes a fresh token and a fresh certificate for each statement, so that nothing expires in between."""

    def __init__(self, settings: KeylessSigning, token: Callable[[], str]) -> None:
        """Sign as whom `token` gives a JWT for, where the settings say."""
        self._settings = settings
        self._token = token

    def sign(self, statement: Statement) -> bytes:
        """A bundle with certificate, log entry and, where the deployment has an authority, a timestamp."""
        payload = without_secrets(statement).payload()
        with signing_context(self._config) as context:
            identity = self._identity()
            try:
                with context.signer(identity) as signer:
                    bundle = signer.sign_dsse(SigstoreStatement(payload))
            except (Refused, Transient):
                raise
            except Exception as error:  # noqa: BLE001 - Fulcio's and Rekor's clients let every error of their parsers through
                raise in_our_words(error) from None
        self._require_verifies(bundle, payload, identity)
        return bundle.to_json().encode()

    @cached_property
    def _config(self) -> ClientTrustConfig:
        if self._settings.trust_config is None:
            return public_trust_config(refresh=True)
        return private_trust_config(self._settings.trust_config)

    def _identity(self) -> IdentityToken:
        try:
            return IdentityToken(self._token())
        except IdentityError as error:
            reason = error.__cause__ or error
            raise Invalid(
                "identity token", f"cannot be used: {reason}", "it must be meant for the audience `sigstore`"
            ) from None

    def _require_verifies(self, bundle: Bundle, payload: bytes, identity: IdentityToken) -> None:
        """What the log and the authorities answered was not verified while signing.

        The certificate names the identity by a claim that the deployment chooses, so only its issuer is known here.
        """
        authorities = self._config.signing_config.get_tsas()
        try:
            verifier = Verifier(trusted_root=self._config.trusted_root)
            signed = verifier.verify_dsse(bundle, OIDCIssuer(identity.federated_issuer))
            # Private: the public way takes a bundle without any valid timestamp where the log vouches for the time.
            times = verifier._verify_timestamp_authority(bundle)  # noqa: SLF001
        except (Error, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise Refused(f"the bundle just signed does not verify, nothing was published: {reason}") from None
        if len(times) < len(authorities):
            urls = ", ".join(authority.url for authority in authorities)
            raise Refused(f"the timestamp by {urls} does not verify, nothing was published: compare it with the trusted root")
        if signed != (PAYLOAD_TYPE, payload):
            raise Refused("the bundle just signed holds another statement than was asked for; nothing was published")
