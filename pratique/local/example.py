"""The example, made a repository of its own, as a user's service would be; and the secrets it reads."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

from pratique.errors import Refused
from pratique.local.openbao import OpenBao
from pratique.local.settings_file import ENVIRONMENTS


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
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise Refused(f"{' '.join(command[:3])} … failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
