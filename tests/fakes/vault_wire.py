"""The wire below the Vault client, scripted: what is answered to which request, and which requests came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

LOGIN = "auth/approle/login"


@dataclass(frozen=True)
class Scripted:
    """One answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


def errors(status: int, *texts: str) -> Scripted:
    return Scripted(status, {"errors": list(texts)})


def token(text: str, *, lease: int = 600, renewable: bool = True, **details: Any) -> Scripted:
    """The answer to a login or a renewal."""
    auth = {"client_token": text, "policies": ["default", "scripted"], "lease_duration": lease, "renewable": renewable}
    return Scripted(200, {"auth": auth | details})


class VaultWire:
    """Stands where `requests` would send; the last answer to a path is repeated."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._script: dict[str, list[Scripted | Exception]] = {}

    def on(self, path: str, *answers: Scripted | Exception) -> None:
        self._script[path] = list(answers)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def send(self, request: requests.PreparedRequest, **_details: Any) -> requests.Response:
        path = urlsplit(request.url or "").path.removeprefix("/v1/")
        body = json.loads(request.body) if request.body else None
        self.requests.append(Request(str(request.method), path, dict(request.headers), body))
        answers = self._script.get(path) or [errors(404)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url, response.request = request.url or "", request
        content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        response._content = b"" if answer.body is None else content
        return response
