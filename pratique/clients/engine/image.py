"""Images a Docker host has to have before it can run them."""

from __future__ import annotations

import json

from docker import DockerClient
from docker.auth import encode_header, get_config_header, resolve_repository_name
from docker.errors import ImageNotFound
from docker.utils import parse_repository_tag

from pratique.clients.engine.errors import require_ok, translated, verdict
from pratique.clients.registry import Credentials

_SILENCE = 600
"""Seconds a pull may say nothing."""


def has_image(engine: DockerClient, reference: str) -> bool:
    """Whether the host has it already."""
    with translated(f"look for image {reference}"):
        try:
            engine.images.get(reference)
        except ImageNotFound:
            return False
    return True


def require_image(engine: DockerClient, reference: str, *, auth: Credentials | None) -> None:
    """Pull the image unless the host has it; without `auth`, logins in ~/.docker count."""
    if has_image(engine, reference):
        return
    doing = f"pull {reference}"
    name, tag = parse_repository_tag(reference)
    header = (
        encode_header({"username": auth.username, "password": auth.password})
        if auth
        else get_config_header(engine.api, resolve_repository_name(name)[0])
    )
    # Not docker-py's `pull`, which waits for a silent engine for ever.
    with (
        translated(doing),
        engine.api.post(
            f"{engine.api.base_url}/v{engine.api.api_version}/images/create",
            params={"fromImage": name, "tag": tag or "latest"},
            headers={"X-Registry-Auth": header} if header else {},
            stream=True,
            timeout=_SILENCE,
        ) as response,
    ):
        require_ok(doing, response)
        # One JSON object per line; an error may come after any number of them, and after status 200.
        for line in response.iter_lines():
            if line and (error := json.loads(line).get("error")):
                raise verdict(doing, str(error))
