"""The secrets by which calls are authenticated: read from Vault, and kept for a short while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from pratique.bootstrap import Clients
from pratique.errors import Refused, Transient
from pratique.values.event import Forge
from pratique.values.references import SecretReference
from pratique.webhook.authentication import SIGNING, signing_key

SHORTEST = 16
"""Letters; a shorter secret could be guessed from one signed call."""

_log = logging.getLogger(__name__)


class ValidSecrets:
    """What Vault holds now; once kept for long enough it is read again, and without an answer nothing is valid."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._references = clients.settings.webhook.secrets
        self._kept_for = clients.settings.webhook.secrets_kept.total_seconds()
        self._kept: dict[Forge, tuple[float, tuple[str, ...]]] = {}
        self._reading = {forge: asyncio.Lock() for forge in self._references}

    @property
    def forges(self) -> tuple[Forge, ...]:
        """Who may call at all."""
        return tuple(self._references)

    async def of(self, forge: Forge) -> tuple[str, ...]:
        """At least one secret; `Transient` where Vault does not give any, so that nothing is ever let in without."""
        async with self._reading[forge]:
            until, secrets = self._kept.get(forge, (0.0, ()))
            if time.monotonic() >= until:
                secrets = await asyncio.to_thread(self._read, forge)
                self._kept[forge] = (time.monotonic() + self._kept_for, secrets)
            return secrets

    def _read(self, forge: Forge) -> tuple[str, ...]:
        secrets: list[str] = []
        for reference in self._references[forge]:
            try:
                secrets.append(self._usable(reference, self._clients.read_secrets({"it": reference})))
            except Refused as refused:
                # The other one may be there: an exchange begins and ends with one.
                _log.warning("%s: %s", forge, refused)
            except Transient as transient:
                _log.warning("%s: %s", forge, transient)
                raise Transient("the secrets of this forge cannot be read now") from None
        if not secrets:
            raise Transient("the secrets of this forge cannot be read: its operator finds the reason in the log")
        return tuple(secrets)

    def _usable(self, reference: SecretReference, found: Mapping[str, str]) -> str:
        secret = found["it"]
        if len(secret) < SHORTEST:
            raise Refused(f"{reference}: a secret of fewer than {SHORTEST} letters is none: store a longer one")
        if secret.startswith(SIGNING) and not signing_key(secret):
            raise Refused(f"{reference}: {SIGNING} is not followed by base64: store it as the forge shows it")
        return secret
