"""Building with BuildKit through the docker CLI: the one way in which a build secret leaves no trace.

docker-py does not speak BuildKit. The CLI does where it has the buildx plug-in, or where its version is one of
those (18.09 to 22) that had BuildKit built in. A secret is a file in memory for the length of the build, mounted
where a step asks for it with `RUN --mount=type=secret,id=<name>`, and is in no layer and in no history.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pratique.clients.engine.arguments import build_arguments, commit_annotations
from pratique.clients.engine.context import context_of
from pratique.clients.engine.progress import Progress
from pratique.clients.exchange import Process, end, standard_input, started
from pratique.clients.ports import ImageBuild
from pratique.errors import Invalid, Transient

DEADLINE = 3600
"""Seconds a build may take in all."""

# What is made below it is made by tempfile, in a folder that only we may enter.
_MEMORY = Path("/dev/shm")  # noqa: S108
_BUILT_IN = ((18, 9), (23, 0))
"""From which version to before which one the CLI had BuildKit built in; 23.0 moved it into the plug-in."""


def build_with_secrets(
    address: str, tls: Path | None, build: ImageBuild, secrets: Mapping[str, str], progress: Progress, *, cache: bool
) -> str:
    """The id of the image built; `secrets` are known to its steps by their names."""
    program = _capable_program(build)
    with _private_folder() as folder:
        command = [program, "build", "--progress=plain", f"--iidfile={folder / 'id'}", f"--file={build.section.dockerfile}"]
        for name, value in secrets.items():
            _write_private(folder / f"secret-{name}", value)
            command.append(f"--secret=id={name},src={folder / f'secret-{name}'}")
        command += [f"--build-arg={name}={value}" for name, value in build_arguments(build).items()]
        command += [f"--label={name}={value}" for name, value in commit_annotations(build).items()]
        command += [f"--target={build.section.target}"] if build.section.target else []
        command += [] if cache else ["--no-cache"]
        status, last = _run([*command, "-"], _environment(address, tls), context_of(build), progress)
        if status:
            raise progress.failure(last)
        return (folder / "id").read_text().strip()


def _run(command: list[str], environment: dict[str, str], context: bytes, progress: Progress) -> tuple[int, str]:
    """Exit status and last line of the CLI, which is fed the context and ended at the deadline, or when we are."""
    last, overdue = "it wrote nothing", threading.Event()
    with (
        standard_input(context, "the build") as stdin,
        started(
            command, "the build", stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
        ) as process,
    ):
        deadline = threading.Timer(DEADLINE, _end_overdue, [process, overdue])
        deadline.daemon = True
        deadline.start()
        try:
            with io.TextIOWrapper(process.stdout or io.BytesIO(), errors="replace") as output:
                for line in output:
                    progress.line(line)
                    last = line.strip() or last
            status = process.wait()
        finally:
            deadline.cancel()
    if status and overdue.is_set():
        raise Transient(f"the build did not end within {DEADLINE} s and was ended")
    return status, last


def _end_overdue(process: Process, overdue: threading.Event) -> None:
    overdue.set()
    # With its session: buildx is a process of its own, and would go on, and hold the output, without the CLI.
    end(process)


def _capable_program(build: ImageBuild) -> str:
    """A docker CLI with BuildKit."""
    found = dict.fromkeys(filter(None, (shutil.which("docker"), shutil.which("/usr/bin/docker"))))
    for program in found:
        if _has_buildkit(program):
            return program
    raise Invalid(
        f"{build.service}: image {build.section.name}",
        "its build secrets need BuildKit, and no docker CLI here has it "
        + (f"(looked at {', '.join(found)})" if found else "(no docker CLI is installed)"),
        "install the docker CLI with its buildx plug-in, or build without `secrets`",
    )


def _has_buildkit(program: str) -> bool:
    version = re.search(r"version (\d+)\.(\d+)", _output(program, "--version") or "")
    if version and _BUILT_IN[0] <= (int(version[1]), int(version[2])) < _BUILT_IN[1]:
        return True
    return _output(program, "buildx", "version") is not None


def _output(*command: str) -> str | None:
    """What a command writes; None where it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _environment(address: str, tls: Path | None) -> dict[str, str]:
    """Ours, but with the engine that the settings name, whatever context or engine the user's shell has chosen."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "BUILDX_", "BUILDKIT_"))}
    if "DOCKER_CONFIG" in os.environ:
        kept["DOCKER_CONFIG"] = os.environ["DOCKER_CONFIG"]
    if tls:
        kept |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tls)}
    # The default builder is the engine's own, so that the image ends up there; an attestation of buildx's own making
    # would turn the image into an index of two, and ours follow later, signed.
    return kept | {
        "DOCKER_HOST": address,
        "DOCKER_BUILDKIT": "1",
        "BUILDX_BUILDER": "default",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder only we may enter, in memory where there is such a place, removed in any case."""
    in_memory = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK)
    with tempfile.TemporaryDirectory(prefix="pratique-", dir=_MEMORY if in_memory else None) as folder:
        yield Path(folder)


def _write_private(file: Path, value: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(value)
