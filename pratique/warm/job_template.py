"""The base job template of a process work pool whose runs start warm.

The shape is Prefect's (`prefect work-pool get-default-base-job-template --type process`); only the defaults are ours.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pratique.warm import launch

SOCKET_VARIABLE = "PRATIQUE_WARM_SOCKET"
"""Holds the path of a worker's warm server, so that the workers of one pool need not agree on one."""


def job_template(checkout: Path, socket: Path | None = None) -> dict[str, object]:
    """The template for workers that have this very Python and this checkout at the same paths as here.

    Without a `socket` each worker's own is taken, which `pratique worker` names in the runs' environment.
    """
    place = f"${SOCKET_VARIABLE}" if socket is None else str(socket)
    command = shlex.join([sys.executable, "-I", "-S", "-E", str(launch.__file__), place, "prefect.engine"])
    defaults: dict[str, tuple[str, object]] = {
        "name": ("string", None),
        "command": ("string", command),
        "working_dir": ("string", str(checkout)),
        "stream_output": ("boolean", False),
        "env": ("object", {}),
        "labels": ("object", {}),
    }
    properties = {name: {"title": name, "type": kind, "default": default} for name, (kind, default) in defaults.items()}
    return {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in defaults},
        "variables": {"type": "object", "properties": properties},
    }
