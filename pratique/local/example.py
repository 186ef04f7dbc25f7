"""The example, made a repository of its own, as a user's service would be; and the secrets it reads."""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import timedelta
from pathlib import Path

from pratique.clients.exchange import exchange
from pratique.errors import Refused
from pratique.local.openbao import OpenBao
from pratique.local.settings_file import ENVIRONMENTS

_WITHIN = timedelta(minutes=2)


def seed_secrets(openbao: OpenBao) -> None:
    """What the local stack and the example read from Vault; what is there already stays."""
    # moto accepts any credentials; AWS itself would not know these.
    openbao.seed_secret("aws", {"access_key_id": "local", "secret_access_key": secrets.token_urlsafe(24)})
    for environment in ENVIRONMENTS:
        openbao.seed_secret(f"hello/{environment}", {"db_password": secrets.token_urlsafe(24)})


def commit_example(source: Path, repository: Path) -> Path:
    """A Git repository that holds the example, committed; where nothing has changed since, its last commit stands."""
    _run([str(source / "vendor")], cwd=source)
    if not (repository / ".git").exists():
        repository.mkdir(parents=True, exist_ok=True)
        _git(repository, "init", "--quiet", "--initial-branch=main")
    shutil.copytree(source, repository, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".gitignore"))
    _git(repository, "add", "--all")
    if _git(repository, "status", "--porcelain"):
        _git(repository, "commit", "--quiet", "--message", "Say hello")
    return repository


def _git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Hello", "-c", "user.email=hello@pratique.internal", "-c", "commit.gpgsign=false"]
    return _run(["git", *identity, *arguments], cwd=repository)


def _run(command: list[str], cwd: Path) -> str:
    name = " ".join(command[:3])
    done = exchange(command, b"", name=f"{name} …", within=_WITHIN, environment=os.environ, folder=cwd)
    written, complaint = (stream.decode(errors="replace").strip() for stream in (done.written, done.complaint))
    if done.status != 0:
        raise Refused(f"{name} … failed: {complaint or written}")
    return written
