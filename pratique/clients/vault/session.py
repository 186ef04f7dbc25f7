"""A session with Vault: logged in on first use, kept alive while it is used, logged out at the end.

* **First use.** Opening a session asks nothing of Vault; a task that turns out to need no secret leaves no token behind.
* **Staying alive.** Before each request, a token with less than a third of its life left is renewed. No thread does it:
  a token that ends while nobody uses the session is replaced by a new login at the next use, and so is one that
  has reached its maximum life, or that was revoked under us. So a session lives as long as its credential does.
* **The end.** Tokens that we obtained are revoked, on failure too. A revocation that fails is logged and never raised:
  the work is done, or an error that matters more is on its way; the token then ends by itself.
* **A token out of a file is not ours**: whatever wrote it renews and revokes it. When Vault no longer accepts it,
  the file is read once more, because an agent may have replaced it.

A session may be used by several threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import hvac

from pratique.clients.vault.errors import denied
from pratique.clients.vault.login import log_in
from pratique.clients.vault.token import Token
from pratique.clients.vault.wire import Answer, Connection
from pratique.errors import Refused, Transient
from pratique.settings import TokenLogin, VaultSettings

_log = logging.getLogger(__name__)


class Session:
    """Requests to Vault under one login."""

    def __init__(self, settings: VaultSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = Connection(settings)
        self._login = settings.login
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._closed = False

    @property
    def address(self) -> str:
        return self._connection.address

    def ask(self, capability: str, path: str, request: Callable[[hvac.Client], Any]) -> Answer:
        """The answer to `request`, whatever its status but 403; `capability` and `path` are what a policy must grant.

        Refused where a policy does not grant it, or where no login is left that Vault accepts.
        """
        token = self._usable()
        answer: Answer = request(self._client(token))
        if answer.status != HTTPStatus.FORBIDDEN:
            return answer
        refusal = denied(self._client(token), (), self.address, capability, path)
        if refusal is None and (other := self._instead_of(token)) is not None:
            answer = request(self._client(other))
            if answer.status != HTTPStatus.FORBIDDEN:
                return answer
            refusal = denied(self._client(other), other.policies, self.address, capability, path)
        raise refusal or self._not_accepted(capability, path)

    def close(self) -> None:
        """Log out: revoke the token if it is ours. Never raises what Vault or the network says."""
        with self._lock:
            token, self._token, self._closed = self._token, None, True
            if token is not None:
                self._revoke(token)
            self._connection.close()

    def _client(self, token: Token) -> hvac.Client:
        return self._connection.client(token.text.get_secret_value())

    def _usable(self) -> Token:
        """The token, renewed or obtained anew where that is due."""
        with self._lock:
            if self._closed:
                raise RuntimeError("Vault was used after its `with` had ended: a login now would never be revoked")
            now = self._clock()
            if self._token is None or self._token.is_spent(now):
                self._token = log_in(self._connection, self._login, now)
            elif self._token.is_low(now):
                self._token = self._prolonged(self._token)
            return self._token

    def _prolonged(self, token: Token) -> Token:
        """The token with a longer life, or another one where its life cannot be made longer.

        Where neither can be had now, there is still life left in it: the request itself will tell what Vault says.
        """
        now = self._clock()
        try:
            if token.renewable:
                answer: Answer = self._client(token).auth.token.renew_self()
                if answer.ok:
                    token = token.renewed(answer.body.get("auth") or {}, now)
            if not token.is_low(now):
                return token
            fresh = log_in(self._connection, self._login, now)
        except (Refused, Transient):
            return token
        self._revoke(token)
        return fresh

    def _instead_of(self, rejected: Token) -> Token | None:
        """Another token than the rejected one, by logging in once more; None where that gives the same again."""
        with self._lock:
            if self._token is None or self._token.text == rejected.text:
                self._token = log_in(self._connection, self._login, self._clock())
                if self._token.text == rejected.text:
                    return None
                self._revoke(rejected)
            return self._token

    def _not_accepted(self, capability: str, path: str) -> Refused:
        source = f" in {self._login.token_file}" if isinstance(self._login, TokenLogin) else ""
        return Refused(
            f"Vault at {self.address} does not accept the token{source} to {capability} {path}: it has expired or was revoked "
            "and a new one is needed, or its policies grant neither that nor to look itself up"
        )

    def _revoke(self, token: Token) -> None:
        if not token.ours or token.is_spent(self._clock()):
            return
        try:
            answer: Answer = self._client(token).auth.token.revoke_self()
        except (Refused, Transient) as error:
            _log.warning("A Vault token was not revoked and lives until it expires: %s", error)
            return
        # 403 says that there is no such token any more, which is what was wanted.
        if not answer.ok and answer.status != HTTPStatus.FORBIDDEN:
            _log.warning("A Vault token was not revoked and lives until it expires: HTTP %d %s", answer.status, answer.errors)
