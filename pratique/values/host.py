"""A host, and a port of it: told apart by their kind and never by a colon, which IPv6 addresses are full of."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBERS = re.compile(r"[0-9.]+|0x[0-9a-fA-F.x]+")
"""What a resolver may take for an IPv4 address of another spelling, such as 127.1 or 2130706433."""


def require_host(host: str) -> str:
    """A name, or an IP address in its usual spelling and without brackets; `ValueError` for anything else, a port too."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if address is None:
        if bare != host or not _NAME.fullmatch(host) or _NUMBERS.fullmatch(host):
            raise ValueError("write a host's name or its IP address alone, without a scheme and a port")
        return host.lower().removesuffix(".")
    if isinstance(address, ipaddress.IPv4Address) and bare != host:
        raise ValueError("only an IPv6 address stands in brackets")
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError("an address with a zone means something to one machine only: write a name or another address")
        address = address.ipv4_mapped or address
    if address.is_unspecified or address.is_multicast:
        raise ValueError("this is no address at which a host is reached")
    return str(address)


Host = Annotated[str, StringConstraints(max_length=255), AfterValidator(require_host)]


def host_and_port(host: str, port: int) -> str:
    """Both in one, as in a URL: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def interface_for(host: str) -> str:
    """The interface to publish on, so that it is reached at the host: loopback alone where that is one; empty for all."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return host if ipaddress.ip_address(host).is_loopback else ""
    except ValueError:
        return ""
