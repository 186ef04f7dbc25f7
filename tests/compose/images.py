"""The images that deployments/ names, on an engine: pulled, or made of Debian's packages where no registry is reached.

What stands in has the users, volumes and entrypoints that the compose file relies on, and Debian's versions; see
standins/Dockerfile. It has the same name, so that nothing in deployments/ knows of it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
DEPLOYMENTS = CHECKOUT / "deployments"
OUTSIDE = Path(__file__).with_name("outside.yaml")
STANDINS = Path(__file__).with_name("standins")
DEBIAN = "debian:local"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILDX = "cli-plugins/docker-buildx"


def ensure_images() -> None:
    """The engine has every image that deployments/ names and that is not ours; which of them stand in is said on stderr."""
    for image in _named():
        known = docker("image", "inspect", image, check=False).returncode == 0
        if not known and docker("pull", "--quiet", image, check=False).returncode:
            sys.stderr.write(f"{image} cannot be pulled: made of Debian's packages\n")
            _stand_in(image)


def build_ours(file: str, tag: str) -> None:
    """An image of this checkout, by one of the Dockerfiles in deployments/."""
    docker("build", "--file", str(DEPLOYMENTS / file), "--tag", tag, str(CHECKOUT))


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """What the command-line client of the engine answers."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(arguments)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def _named() -> list[str]:
    services = yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())["services"].values()
    found = {str(service["image"]) for service in services if "build" not in service}
    found |= set(re.findall(r"^    image: (\S+)$", OUTSIDE.read_text(), re.MULTILINE))
    for file in ("Dockerfile", "webhook.Dockerfile"):
        text = (DEPLOYMENTS / file).read_text()
        found |= {first or second for first, second in re.findall(r"^FROM (\S+)|--from=([a-z]+:\S+)", text, re.MULTILINE)}
    return sorted(found)


def _stand_in(image: str) -> None:
    if docker("image", "inspect", DEBIAN, check=False).returncode:
        _make_debian()
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copytree(STANDINS, context, dirs_exist_ok=True)
        client = shutil.which("docker")
        assert client is not None
        shutil.copy(client, context / "docker")
        plugins = [
            Path.home() / ".docker",
            Path("/usr/libexec/docker"),
            Path("/usr/lib/docker"),
            Path("/usr/local/libexec/docker"),
        ]
        # What nobody has answers as a plug-in that is not there: the client then builds without it.
        plugin = next((one / BUILDX for one in plugins if (one / BUILDX).exists()), Path("/bin/false"))
        shutil.copy(plugin, context / "docker-buildx")
        target = image.rpartition("/")[2].partition(":")[0]
        docker("build", "--target", target, "--tag", image, str(context))


def _make_debian() -> None:
    """Debian's smallest system, with what this machine trusts."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "bookworm", str(root), "http://deb.debian.org/debian"]
        done = subprocess.run(command, stdout=sys.stderr, check=False)
        assert done.returncode == 0, "debootstrap failed: it needs root, and Debian's packages"
        if CERTIFICATES.exists():
            # There, the package ca-certificates takes them into what it makes.
            place = root / "usr/local/share/ca-certificates"
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(CERTIFICATES, place / "machine.crt")
        packed = Path(folder) / "root.tar"
        subprocess.run(["tar", "--create", "--file", str(packed), "--directory", str(root), "."], check=True)
        docker("import", str(packed), DEBIAN)
