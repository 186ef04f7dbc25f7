"""The image configuration, rewritten so that a commit always gives the same one.

https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md says what it may hold. An engine adds which of its
containers built what, and when: those fields differ with every build and mean nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pratique.values.digest import Digest, canonical_json

_FIELDS = ("architecture", "author", "os", "os.features", "os.version", "variant")
_EXECUTION_FIELDS = (
    "ArgsEscaped",
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "OnBuild",
    "Shell",
    "StopSignal",
    "StopTimeout",
    "User",
    "Volumes",
    "WorkingDir",
)
"""The specification's, and those that Docker itself documents as its own additions."""


def portable_config(config: dict[str, Any], diff_ids: Sequence[Digest], created: str) -> bytes:
    """The configuration as canonical JSON: only what says how to run the image, every time being `created`."""
    execution = config.get("config") or {}
    return canonical_json(
        {
            **{field: config[field] for field in _FIELDS if config.get(field)},
            "created": created,
            "config": {field: execution[field] for field in _EXECUTION_FIELDS if execution.get(field)},
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [{**entry, "created": created} for entry in config.get("history") or ()],
        }
    )
