"""Whether a call comes from whom it says: by a signature over its bytes, or by a token, compared in constant time.

Several secrets may be valid at once, so that one can be exchanged for another without losing a call.
Standard Webhooks: github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from pratique.errors import Refused

Headers = Mapping[str, str]
"""By their names in small letters."""

SIGNING = "whsec_"
"""How a secret starts that only ever signs, and is itself never sent (Standard Webhooks)."""


def signing_key(secret: str) -> bytes:
    """The key that a secret spells; empty for one that is followed by no base64, which nothing is authenticated by."""
    try:
        return base64.b64decode(secret.removeprefix(SIGNING), validate=True)
    except (binascii.Error, ValueError):
        return b""


class Unauthenticated(Refused):
    """The call does not prove that it comes from whom it says."""


def require_signature(told: str | None, body: bytes, secrets: Sequence[str], header: str) -> None:
    """That `told` is the hexadecimal HMAC-SHA256 of the body under one of the secrets."""
    if not told:
        raise Unauthenticated(f"the call is not signed: there is no header {header}")
    signature = told.removeprefix("sha256=").lower()
    if not _any(secrets, lambda secret: _same(signature, hmac.digest(secret.encode(), body, "sha256").hex())):
        raise Unauthenticated(f"the signature in {header} is of no secret that is valid here")


def require_token(told: str | None, secrets: Sequence[str], header: str) -> None:
    """That `told` is one of the secrets."""
    if not told:
        raise Unauthenticated(f"the call has no token: there is no header {header}")
    if not _any(secrets, lambda secret: _same(told, secret)):
        raise Unauthenticated(f"the token in {header} is of no secret that is valid here")


def require_authorization(told: str | None, secrets: Sequence[str]) -> None:
    """That the header Authorization is one of the secrets, or one as `Bearer`."""
    scheme, _, token = (told or "").partition(" ")
    require_token(token if scheme.lower() == "bearer" and token else told, secrets, "Authorization")


def require_standard_webhook(
    headers: Headers, body: bytes, secrets: Sequence[str], now: datetime, stale_after: timedelta
) -> None:
    """That the call is signed as Standard Webhooks has it, and not older (or from further ahead) than `stale_after`."""
    signatures = [part[3:] for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not signatures or not identity or not (moment.isascii() and moment.isdigit()):
        raise Unauthenticated("the call is not signed: it needs the headers webhook-id, webhook-timestamp, webhook-signature")
    signed = b".".join((_bytes(identity), _bytes(moment), body))

    def signs(secret: str) -> bool:
        key = signing_key(secret)
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return bool(key) and _any(signatures, lambda signature: _same(signature, expected))

    if not _any(secrets, signs):
        raise Unauthenticated("the signature in webhook-signature is of no secret that is valid here")
    # Ten digits are seconds until the year 2286; more could not be compared as a number of seconds at all.
    if len(moment) > len("9999999999") or abs(now.timestamp() - int(moment)) > stale_after.total_seconds():
        raise Unauthenticated(f"the call is stale: it was signed more than {stale_after.total_seconds():.0f} s from now")


def _any(items: Sequence[str], fits: Callable[[str], bool]) -> bool:
    """Whether one fits; every one is tried, so that the time taken does not tell which."""
    return sum([fits(item) for item in items]) > 0


def _same(told: str, expected: str) -> bool:
    # Digests, because their lengths are the same: a comparison would tell the length of a secret.
    return hmac.compare_digest(hashlib.sha256(_bytes(told)).digest(), hashlib.sha256(_bytes(expected)).digest())


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
