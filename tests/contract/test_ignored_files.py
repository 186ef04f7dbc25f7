"""What is sent of a tree is what the docker CLI sends: the same files for the same `.dockerignore`, by its classic builder."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from docker import DockerClient

from pratique.clients.engine.context import context_of
from tests.services.engine import SOURCE, image_build

NAMES = ["a", "ab", "b.pem", "id_rsa", "x.go", "README.md", "^", "[id]", "é", "c d"]
PATTERNS = [
    *("*", "**", "**.pem", "**/b.pem", "*/a", "a/**", "a*", "[^a]", "[!a]", "\\[id\\]", "../a", "/a/", "a/../ab", "?", "é"),
    *("**/[a-x]*.go", "c d", "*/*/x.go", "a/b.pem", "!a", "!a/x.go", "!README.md", "!ab/a", "# a", " #a", ".", "**/a/*"),
]


def grown(dice: random.Random) -> dict[str, str]:
    """A tree of folders and files."""
    files: dict[str, str] = {}
    for _ in range(25):
        path = "/".join(dice.choice(NAMES) for _ in range(dice.randint(1, 3)))
        above = {path[:at] for at, letter in enumerate(path) if letter == "/"}
        if not above & files.keys() and not any(one.startswith(f"{path}/") for one in files):
            files[path] = path
    return files


def sent_by_docker(client: DockerClient, engine: str, folder: Path) -> set[str]:
    docker = shutil.which("docker")
    assert docker, "the docker CLI is compared with: install it"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DOCKER_HOST": engine, "DOCKER_BUILDKIT": "0"}
    command = [docker, "build", "--quiet", f"--label=org.opencontainers.image.source={SOURCE}", str(folder)]
    image = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.strip()
    container = client.containers.create(image, command=["none"])
    try:
        with tarfile.open(fileobj=io.BytesIO(b"".join(container.export()))) as archive:
            found = {member.name for member in archive if member.isfile() and member.name.startswith("sent/")}
    finally:
        container.remove()
    return {name.removeprefix("sent/") for name in found}


@pytest.mark.parametrize("seed", range(12))
def test_the_same_files_are_sent(engine: str, docker_client: DockerClient, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # a tree is no secret
    patterns = "\n".join(dice.sample(PATTERNS, dice.randint(1, 5)))
    tree = {**grown(dice), "Dockerfile": "FROM scratch\nCOPY . /sent/\n", ".dockerignore": f"{patterns}\n"}
    for path, content in tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    with tarfile.open(fileobj=io.BytesIO(context_of(image_build(tree)))) as archive:
        ours = {member.name for member in archive if member.isfile()}
    # The CLI sends these two, and lets the engine take them out again where a pattern says so.
    named = {"Dockerfile", ".dockerignore"}
    assert ours - named == sent_by_docker(docker_client, engine, tmp_path) - named, patterns
