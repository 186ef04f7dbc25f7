"""The workload's container: hardened unless the manifest says otherwise, and labelled so that it is found again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pratique.clients.engine.place import ALIAS, COMMIT, FENCE, PORT, RELEASE, SECRETS, SPECIFICATION, WORKLOAD_ROLE, Place
from pratique.scrub import remember
from pratique.values.manifest import WorkloadSection
from pratique.values.workload import DesiredWorkload

_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_WRITABLE = "rw,noexec,nosuid,nodev,size=64m,mode=1777"

RESTART_POLICY: Mapping[str, Any] = {"Name": "always"}
"""For whatever serves: the engine brings it back within seconds, and at its own start.

Not `unless-stopped`, for which each signal sent through the engine's API, even that of a reload, counts as a wish to stop.
For the same reason a container names the signal that stops it: where it names none, any signal keeps the engine from
bringing it back. What is stopped or killed through that API comes back when the engine starts, or at the next deployment.
"""


def names_of(desired: DesiredWorkload, place: Place, number: int) -> tuple[str, str]:
    """The container's name, by which a person tells specifications apart, and its alias on the network.

    The alias is short because a name in DNS may have 63 characters (RFC 1035). `number` tells twins apart, from 1.
    """
    short = desired.specification.removeprefix("sha256:")[:12] + (f"-{number}" if number > 1 else "")
    return f"{place.name}-{short}", f"workload-{short}"


def options_of(
    desired: DesiredWorkload, secrets: Mapping[str, str], fence: int, alias: str, place: Place, *, stop_signal: str = ""
) -> dict[str, Any]:
    """The arguments with which docker-py creates the container, less image, name and network; `stop_signal` is the image's."""
    section = desired.section
    memory = bytes_of(section.resources.memory)
    return {
        "command": list(section.command) or None,
        "environment": environment_of(desired, secrets),
        "labels": place.labels(WORKLOAD_ROLE)
        | {
            RELEASE: desired.release,
            COMMIT: desired.commit,
            SPECIFICATION: desired.specification,
            FENCE: str(fence),
            PORT: str(section.port),
            ALIAS: alias,
            SECRETS: ",".join(sorted(secrets)),
        },
        "user": section.user,
        "read_only": True,
        "tmpfs": dict.fromkeys(section.writable, f"{_WRITABLE},{_owner(section.user)}"),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory,
        # The same number, or the container gets as much swap again.
        "memswap_limit": memory,
        "nano_cpus": round(section.resources.cpus * 1_000_000_000),
        "pids_limit": section.resources.pids,
        "init": True,
        "restart_policy": dict(RESTART_POLICY),
        "stop_signal": stop_signal or "SIGTERM",
        "healthcheck": _healthcheck(section),
        "use_config_proxy": False,
    }


def environment_of(desired: DesiredWorkload, secrets: Mapping[str, str]) -> dict[str, str]:
    """Variables, secrets, and who and where the container is; the last cannot be spoofed by the first."""
    return {
        **desired.section.variables,
        **secrets,
        "PRATIQUE_SERVICE": desired.service,
        "PRATIQUE_ENVIRONMENT": desired.environment,
        "PRATIQUE_RELEASE": desired.release,
        "PRATIQUE_COMMIT": desired.commit,
    }


def remember_secrets(attributes: Mapping[str, Any]) -> None:
    """Let this process know the secrets of a container, given as the engine tells of it, before it reads what that writes."""
    names = str((attributes["Config"].get("Labels") or {}).get(SECRETS, "")).split(",")
    for variable in attributes["Config"].get("Env") or ():
        name, _, value = variable.partition("=")
        if name in names:
            remember(value)


def bytes_of(memory: str) -> int:
    """The number of bytes that a manifest's amount, such as `128Mi`, names."""
    return int(memory[:-2]) * _UNITS[memory[-2:]]


def _owner(user: str) -> str:
    """The mount options that make the workload's user the owner.

    From the second start on, runc up to 1.1 gives a path that the image does not have the mode 755 that it was made with.
    """
    owner, _, group = user.partition(":")
    return f"uid={owner},gid={group}" if group else f"uid={owner}"


def _healthcheck(section: WorkloadSection) -> dict[str, Any] | None:
    check = section.healthcheck
    if check is None:
        return None
    return {
        "test": ["CMD", *check.command],
        "interval": _nanoseconds(check.interval),
        "timeout": _nanoseconds(check.timeout),
        "retries": check.retries,
        # Until then a failure does not count, so that a slow start is not taken for an illness.
        "start_period": _nanoseconds(section.ready_within),
    }


def _nanoseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1_000_000_000)
