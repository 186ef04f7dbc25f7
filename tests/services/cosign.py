"""The real cosign, built by the ordinary Go client (`python -m tests.peers cosign`), at home in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import peers

PROGRAM = "cosign"


@dataclass(frozen=True)
class Cosign:
    """The program, and the folder that it works in: what it is told to read and write is named from there."""

    folder: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self._run([str(peers.program(PROGRAM)), *map(str, arguments)])

    def typed(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A line as a person types it into a shell."""
        return self._run(["bash", "-c", f"set -o pipefail; {line}"], **variables)

    def key_pair(self, name: str) -> None:
        """A new pair of keys, `name`.key and `name`.pub."""
        made = self.run("generate-key-pair", "--output-key-prefix", name)
        assert made.returncode == 0, made.stderr

    def imported_key_pair(self, name: str, *kind: str) -> None:
        """A pair of keys that `openssl genpkey` makes and cosign takes over, `name`.key and `name`.pub."""
        subprocess.run(["openssl", "genpkey", *kind, "-out", f"{name}.pem"], cwd=self.folder, capture_output=True, check=True)
        made = self.run("import-key-pair", "--key", f"{name}.pem", "--output-key-prefix", name)
        assert made.returncode == 0, made.stderr

    def _run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        own = {
            "HOME": str(self.folder),
            "DOCKER_CONFIG": str(self.folder / "docker"),
            "TUF_ROOT": str(self.folder / "tuf"),
            "COSIGN_PASSWORD": "opensesame",
            "COSIGN_YES": "true",
            "PATH": f"{peers.program(PROGRAM).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        environment = os.environ | own | variables
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def cosign_program() -> None:
    peers.program(PROGRAM)


@pytest.fixture
def cosign(cosign_program: None, tmp_path: Path) -> Cosign:
    folder = tmp_path / "cosign"
    folder.mkdir()
    return Cosign(folder)
