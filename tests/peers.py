"""Programs that ours are held against, built by Go, each version once: `python -m tests.peers cosign osv-scanner`.

They are kept in `~/.cache/pratique/peers` (below `XDG_CACHE_HOME`, where that is set), for every clone on the machine.
`make test` has them built beside the tests, at the lowest priority; a test that needs one waits until it is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("services")


@dataclass(frozen=True)
class Peer:
    """A program, and what Go builds it from."""

    version: str
    module: str = ""
    """With the package to install; or, where `build` says how, the module that is copied and built in its copy."""
    build: tuple[str, ...] = ()
    """The arguments of `go build`. Where a go.mod replaces or excludes other modules, `go install` refuses it."""
    source: Path | None = None
    """A folder of ours, in the place of a module."""


PEERS = {
    "cosign": Peer("v3.1.3", "github.com/sigstore/cosign/v3/cmd/cosign"),
    # 2.6 needs a Go newer than 1.26.
    "osv-scanner": Peer("v2.5.1", "github.com/google/osv-scanner/v2/cmd/osv-scanner"),
    # It finds its texts and templates beside itself.
    "gitea": Peer("v1.26.0", "code.gitea.io/gitea", ("-tags", "sqlite,sqlite_unlock_notify", ".")),
    # Debian's packages have none for the present format of compose files.
    "docker-compose": Peer("v2.40.3", "github.com/docker/compose/v2", ("./cmd",)),
    "registry-with-referrers": Peer("", build=("-buildvcs=false", "."), source=SOURCES / "registry_with_referrers"),
}


def program(name: str) -> Path:
    """The program, built now unless it has been; `AssertionError` with Go's own words where it cannot be."""
    peer = PEERS[name]
    folder = _cache() / f"{name}-{peer.version or _digest(peer.source)}"
    if not folder.exists():
        with _alone(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                _build(name, peer, folder)
    return folder / name


def is_there(name: str) -> bool:
    """Whether the program can be had: it is built already, or there is a Go to build it."""
    peer = PEERS[name]
    return shutil.which("go") is not None or (_cache() / f"{name}-{peer.version or _digest(peer.source)}").exists()


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pratique" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(source: Path | None) -> str:
    assert source is not None
    content = b"".join(file.read_bytes() for file in sorted(source.iterdir()))
    return hashlib.sha256(content).hexdigest()[:12]


def _build(name: str, peer: Peer, folder: Path) -> None:
    # Whatever is killed half-way leaves a folder of another name.
    unfinished = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        if not peer.build:
            _go(["install", f"{peer.module}@{peer.version}"], GOBIN=str(unfinished))
        elif peer.source is not None:
            _go(["build", "-o", str(unfinished / name), *peer.build], peer.source)
        else:
            told = _go(["mod", "download", "-json", f"{peer.module}@{peer.version}"])
            shutil.copytree(json.loads(told)["Dir"], unfinished, dirs_exist_ok=True)
            # Modules are kept read-only.
            subprocess.run(["chmod", "-R", "u+w", str(unfinished)], check=True)
            _go(["build", "-o", name, *peer.build], unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _go(arguments: Sequence[str], folder: Path | None = None, **variables: str) -> str:
    command = ["nice", "-n", "19", "go", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Within it no other process builds the same."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        print(program(wanted))  # noqa: T201  # its output
