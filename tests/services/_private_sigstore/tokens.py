"""An identity provider: signs JWTs, and publishes the key they verify with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from jwt.algorithms import ECAlgorithm

from tests.services._private_sigstore.encoding import new_key

KEY_NAME = "tests"


class TokenIssuer:
    def __init__(self) -> None:
        self._key = new_key()
        self.url = ""
        """Known once the server has its port."""

    def token(self, email: str, **claims: Any) -> str:
        now = datetime.now(UTC)
        usual = {
            "iss": self.url,
            "sub": f"entity-of-{email}",
            "aud": "sigstore",
            "iat": now,
            "exp": now + timedelta(minutes=5),
            "email": email,
            "email_verified": True,
        }
        return jwt.encode(usual | claims, self._key, algorithm="ES256", headers={"kid": KEY_NAME})

    def keys(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517)."""
        key = json.loads(ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [key | {"kid": KEY_NAME, "use": "sig", "alg": "ES256"}]}
