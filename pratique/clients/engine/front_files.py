"""What the front reads and what it is remembered by: two small files in its volume.

`haproxy.cfg` says where traffic is to go, `record.json` where it was last seen to go, and under which fence.
They differ only while a switch is under way, or after one that was killed.
"""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import ValidationError

from pratique.clients.engine.place import Place
from pratique.values._base import Value

CONFIGURATION = "haproxy.cfg"
RECORD = "record.json"
LISTEN = 8080
"""The port inside the front's container."""

_ROUTED = re.compile(r"^# container ([0-9a-f]{64})$", re.MULTILINE)

_TEMPLATE = """\
# Written by Pratique for {place}; it is written anew at each switch.
# container {container}
global
    # A worker that has been replaced lets its connections finish, but not for ever.
    hard-stop-after {drain}ms
    # Without bounds of its own HAProxy takes what the host allows, which may be a billion descriptors.
    maxconn 4096
    nbthread 2
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    retries 3
resolvers engine
    nameserver names 127.0.0.11:53
    # A container keeps its name but not its address when the host restarts. Only a new answer changes anything:
    # names that cannot be asked for leave the address as it is.
    hold nx 1h
    hold timeout 1h
    hold refused 1h
    hold other 1h
frontend service
    bind :{listen}
    default_backend workload
backend workload
    server container {alias}:{port} resolvers engine resolve-prefer ipv4 init-addr {address}
"""


class Backend(Value):
    """The container that traffic goes to."""

    container: str
    alias: str
    """Its name on the network."""
    address: str
    """Its address there now."""
    port: int


class FrontRecord(Value):
    """What is remembered."""

    fence: int = 0
    """The highest fence that has been here."""
    serving: str = ""
    """The container that traffic was last seen to be switched to."""


def configuration(place: Place, backend: Backend, drain: timedelta) -> bytes:
    """HAProxy's configuration, for 2.6 and newer (https://docs.haproxy.org/2.6/configuration.html)."""
    text = _TEMPLATE.format(
        place=place,
        container=backend.container,
        alias=backend.alias,
        address=backend.address,
        port=backend.port,
        listen=LISTEN,
        # 0 would mean without any bound.
        drain=max(1, round(drain.total_seconds() * 1000)),
    )
    return text.encode()


def routed_to(content: bytes) -> str:
    """The container that a configuration routes to; empty where it tells none."""
    found = _ROUTED.search(content.decode(errors="replace"))
    return found[1] if found else ""


def parse_record(content: bytes) -> FrontRecord:
    """The record; an empty one where nothing readable is there."""
    try:
        return FrontRecord.model_validate_json(content)
    except ValidationError:
        return FrontRecord()
