"""Whether two addresses lead to the same repository, so that a forge may call it by any of the names it gives it.

https://github.com/acme/hello.git   git@github.com:acme/hello.git   ssh://git@github.com/acme/hello
are one; so are /srv/git/hello.git and file:///srv/git/hello.git
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pratique.values.host import host_and_port

_SCP = re.compile(r"(?:[^@:/]*@)?(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<host>[^@:/\[\]]+)):(?P<path>[^/].*)")
_PORTS = {"http": 80, "https": 443, "ssh": 22}


def repository_key(address: str) -> tuple[str, str] | None:
    """Host (with its port, where that is not the usual one) and path; None for what is no address."""
    if address.startswith("/"):
        return "", _path(address)
    if "://" in address:
        try:
            url = urlsplit(address)
            port = url.port
        except ValueError:
            return None
        if url.scheme == "file":
            return "", _path(url.path)
        if url.scheme not in _PORTS or not url.hostname or not url.path.strip("/"):
            return None
        usual = port in (None, _PORTS[url.scheme])
        return url.hostname if usual or port is None else host_and_port(url.hostname, port), _path(url.path)
    match = _SCP.fullmatch(address)
    return ((match["host"] or match["address"]).lower(), _path(match["path"])) if match else None


def _path(path: str) -> str:
    return path.strip("/").removesuffix(".git")
