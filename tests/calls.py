"""Calls as forges and registries make them: headers and bodies, signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pratique.values.event import Forge

SECRET = "the secret of the webhook"
SIGNING_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Call:
    """One call; `headers` may still be changed, the signature is made when it is sent."""

    forge: Forge
    headers: dict[str, str]
    body: bytes
    secret: str = SECRET
    unsigned: bool = False
    dated: datetime = field(default_factory=lambda: datetime.now(UTC))

    def signed(self) -> dict[str, str]:
        """The headers with the proof that this forge gives."""
        return {**({} if self.unsigned else proof(self)), **self.headers}


def proof(call: Call) -> dict[str, str]:
    """The headers by which the call proves who sends it."""
    hexadecimal = hmac.new(call.secret.encode(), call.body, hashlib.sha256).hexdigest()
    match call.forge:
        case Forge.GITHUB:
            return {"x-hub-signature-256": f"sha256={hexadecimal}"}
        case Forge.GITEA:
            return {"x-gitea-signature": hexadecimal}
        case Forge.BITBUCKET:
            return {"x-hub-signature": f"sha256={hexadecimal}"}
        case Forge.DISTRIBUTION | Forge.HARBOR:
            return {"authorization": f"Bearer {call.secret}"}
        case Forge.GITLAB if call.secret.startswith("whsec_"):
            moment, identity = str(int(call.dated.timestamp())), call.headers.get("webhook-id", str(uuid.uuid4()))
            key = base64.b64decode(call.secret.removeprefix("whsec_"))
            signed = hmac.new(key, b".".join((identity.encode(), moment.encode(), call.body)), hashlib.sha256).digest()
            signature = f"v1,{base64.b64encode(signed).decode()}"
            return {"webhook-id": identity, "webhook-timestamp": moment, "webhook-signature": signature}
        case Forge.GITLAB:
            return {"x-gitlab-token": call.secret}


def github_push(
    repository: str, commit: str, *, ref: str = "refs/heads/main", delivery: str = "", secret: str = SECRET, padding: int = 0
) -> Call:
    """A push to GitHub; `padding` makes its body as many bytes longer."""
    content: dict[str, Any] = {
        "ref": ref,
        "before": "0" * 40,
        "after": commit,
        "head_commit": {"id": commit},
        "repository": {"clone_url": repository, "ssh_url": "", "html_url": ""},
    }
    if padding:
        content["commits"] = [{"message": "x" * padding}]
    headers = {"content-type": "application/json", "x-github-event": "push", "x-github-delivery": delivery or str(uuid.uuid4())}
    return Call(Forge.GITHUB, headers, json.dumps(content).encode(), secret)
