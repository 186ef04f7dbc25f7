"""What the engine's errors mean: a no with its remedy, or "ask again".

The engine answers a taken port and a registry that is down alike with status 500, and an error inside a stream with
no status at all: its words decide first, its status second. The words were read from moby 20.10 to 29.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests
import urllib3
from docker.errors import APIError, DockerException, InvalidVersion

from pratique.errors import Refused, Transient
from pratique.scrub import scrub

_LONGEST = 600
"""Characters of the engine's own words that are passed on."""

_PORT_TAKEN = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)

_REMEDIES = (
    (r"is already in use by container", "remove or rename the container that has the name"),
    (r"active endpoints", "disconnect the containers that were connected to it by hand"),
    (r"volume is in use", "remove the container that uses it"),
    (
        r"executable file not found|exec format error|exec: .*(?:no such file|permission denied)",
        "the image cannot start this command: check the command, its mode and the image's architecture",
    ),
    (
        r"manifest unknown|manifest for .* not found|no such image|repository name not known|resolve reference .* not found",
        "push the image first, or name one that is there",
    ),
    (
        r"unauthorized|authentication required|no basic auth credentials|access denied|access to the resource is denied",
        "give the engine credentials for the registry",
    ),
    (
        r"server gave HTTP response to HTTPS client",
        "list the registry under `insecure-registries` of the engine, or give it TLS",
    ),
    (r"no space left on device", "free space on the engine's disk"),
    (
        r"address pools have been fully subnetted|could not find an available.* address pool",
        "remove networks, or widen the pools",
    ),
    (r"client version .* is too (?:old|new)", "use an engine of version 20.10 or newer"),
)

_PASSING = re.compile(
    r"connection refused|connection reset|i/o timeout|timeout exceeded|deadline exceeded|tls handshake|unexpected EOF|: EOF|"
    r"temporary failure|no such host|server misbehaving|too ?many ?requests|service unavailable|bad gateway|"
    r"internal server error|cannot connect to the docker daemon|removal of container .* is already in progress|"
    # Of a build whose cached step was removed with somebody else's image between looking it up and standing on it.
    r"unable to find image .?sha256:",
    re.IGNORECASE,
)


class PortTaken(Refused):
    """Something else listens on the port that a container was to be published on."""


def verdict(doing: str, words: str, status: int | None = None) -> Refused | Transient:
    """The error for what the engine said while it was asked for `doing`, such as "pull 127.0.0.1:5000/hello@sha256:…"."""
    said = " ".join(scrub(words).split())[:_LONGEST] or "it gave no reason"
    if _PORT_TAKEN.search(said):
        return PortTaken(f"the engine did not {doing}: {said} (publish another port, or end what listens on this one)")
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, said, re.IGNORECASE):
            return Refused(f"the engine did not {doing}: {said} ({remedy})")
    busy = status is not None and (status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR)
    if busy or _PASSING.search(said):
        return Transient(f"the engine did not {doing}: {said}")
    return Refused(f"the engine did not {doing}: {said}")


def require_ok(doing: str, response: requests.Response) -> None:
    """Raise the verdict over an answer that docker-py has not looked at, unless the answer is a yes."""
    if response.ok:
        return
    try:
        words = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        words = response.text
    raise verdict(doing, words, response.status_code)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Let no error of docker-py, requests or urllib3 out; `doing` completes the sentence "the engine did not …"."""
    try:
        yield
    except APIError as error:
        raise verdict(doing, str(error.explanation or error), error.status_code) from None
    except InvalidVersion as error:
        raise Refused(f"the engine did not {doing}: {error} (use an engine of version 20.10 or newer)") from None
    except DockerException as error:
        raise verdict(doing, str(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Transient(f"the engine did not {doing}: it is gone, or too slow ({type(error).__name__})") from None
