"""The Docker Engine of the local stack, and what it needs there: a front image, and an end to everything that was run."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

from docker import DockerClient

from pratique.clients.engine import connect
from pratique.clients.engine.errors import translated
from pratique.clients.engine.image import has_image, require_image
from pratique.clients.engine.place import STACK
from pratique.clients.engine.removal import remove_everything
from pratique.errors import Invalid, Refused, Transient
from pratique.local.process import Processes
from pratique.settings import DockerTarget

NAME = "dockerd"
"""The process's name in its record, and the program's."""

SOCKET = Path("/var/run/docker.sock")

OWN_FRONT = "pratique/front:local"
"""The front image that is made here where none can be pulled."""

ADDRESS_POOL = "base=172.16.0.0/12,size=24"
"""For some four thousand networks; Docker's own pools are spent after some thirty, and each environment has one."""

_OFFICIAL_FRONT = DockerTarget().front_image
_INSTALL_ENGINE = "install a Docker Engine (Debian: `apt-get install docker.io`) and let this user reach it"
_INSTALL_HAPROXY = "let the engine pull that image, or run `apt-get install haproxy`"


def ensure_engine(processes: Processes, folder: Path, *, socket: Path = SOCKET, options: tuple[str, ...] = ()) -> str:
    """The address of an engine that answers: the one that is there, or one that is started with its data below `folder`.

    The one that is started is recorded as `dockerd`, so it ends with the stack. `options` are further ones for it.
    """
    address = f"unix://{socket}"
    if processes.running(NAME) is None:
        if _answers(address):
            return address
        program = shutil.which(NAME)
        if program is None or os.geteuid() != 0:
            problem = "no engine answers, and " + ("only root can start one" if program else "`dockerd` is not installed")
            raise Invalid(address, problem, _INSTALL_ENGINE)
    processes.start(
        NAME,
        [
            NAME,
            f"--host={address}",
            f"--data-root={folder.absolute() / NAME}",
            f"--default-address-pool={ADDRESS_POOL}",
            *options,
        ],
        ready=lambda: _answers(address),
    )
    return address


def ensure_front_image(engine: str, wanted: str = _OFFICIAL_FRONT, *, own: str = OWN_FRONT) -> str:
    """A HAProxy image that the engine has: the wanted one where it can be had, or one made of this machine's `haproxy`.

    The latter is called `own`; it holds the program and the libraries that it loads, and nothing else.
    """
    with connect(engine) as client:
        for image in (wanted, own):
            if has_image(client, image):
                return image
        try:
            require_image(client, wanted, auth=None)
        except (Refused, Transient) as error:
            _build_front(client, own, wanted, str(error))
            return own
    return wanted


def remove_all(engine: str, stack: str) -> int:
    """Remove every container, network and volume of the local stack; how many containers it were."""
    with connect(engine) as client:
        return remove_everything(client, [f"{STACK}={stack}"])


def _answers(address: str) -> bool:
    try:
        with connect(address):
            return True
    except Transient:
        return False


def _build_front(client: DockerClient, tag: str, wanted: str, why: str) -> None:
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise Invalid(wanted, f"cannot be pulled ({why}), and there is no `haproxy` here to make one of", _INSTALL_HAPROXY)
    dockerfile = f'FROM scratch\nCOPY root/ /\nENV PATH={Path(program).parent}\nENTRYPOINT ["haproxy"]\n'
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w", dereference=True) as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
        for file in (program, *_libraries(program)):
            tar.add(file, f"root{file}")
    context.seek(0)
    with translated(f"build {tag}"):
        # Its steps are not shared: whoever removes another front image would take them away in between.
        client.images.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, nocache=True)


def _libraries(program: str) -> tuple[str, ...]:
    """The libraries that the program loads, the loader among them, as ldd(1) finds them."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=30, check=False)  # noqa: S607
    if done.returncode:
        raise Invalid(program, "is not a program whose libraries `ldd` can tell", _INSTALL_HAPROXY)
    return tuple(dict.fromkeys(re.findall(r"(/\S+) \(0x", done.stdout)))
