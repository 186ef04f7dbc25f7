"""Whatever ends what serves, it serves again: by the engine alone, with the pipeline switched off.

A person who stops a container tells the engine to leave it: that one comes back with the engine, or by the next look.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from docker.models.containers import Container

from pratique.clients.engine import DockerWorkloads, connect
from pratique.errors import Refused
from pratique.local.engine import ADDRESS_POOL
from pratique.local.process import Processes, free_port
from pratique.local.registry import configuration
from pratique.settings import DockerTarget
from pratique.values.references import ImageReference
from pratique.values.sections import EngineHealthcheck
from tests.services.engine import READY, ArrangedWorkloads
from tests.services.registry import RealRegistry

WRITES = ("/bin/busybox", "sh", "-c", "echo x > /tmp/written && busybox cat /tmp/written")
OFTEN = EngineHealthcheck(command=READY, interval=timedelta(seconds=1))


def front_of(world: ArrangedWorkloads) -> Container:
    [front] = world.client.containers.list(
        all=True, filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=front"]}
    )
    return front


def workload_of(world: ArrangedWorkloads) -> Container:
    [workload] = world.client.containers.list(
        all=True, filters={"label": [f"io.pratique.service={world.service}", "io.pratique.role=workload"]}
    )
    return workload


def process_of(container: Container) -> psutil.Process:
    container.reload()
    return psutil.Process(container.attrs["State"]["Pid"])


def kill(container: Container) -> None:
    process_of(container).kill()


def kill_its_child(container: Container) -> None:
    """Under the engine's init, or HAProxy's master, runs what does the work."""
    children = process_of(container).children()
    assert children
    children[0].kill()


def restart(container: Container) -> None:
    container.restart(timeout=1)


def kill_twice(container: Container) -> None:
    kill(container)
    await_start(container, 1)
    kill(container)


def end_politely(container: Container) -> None:
    process_of(container).terminate()


def signal_it(container: Container) -> None:
    """One that ends nothing: the engine remembers every signal as somebody's wish to stop it, and so a reload, too."""
    container.kill(signal="SIGWINCH")
    kill(container)


def await_start(container: Container, restarts: int) -> None:
    while True:
        container.reload()
        if container.attrs["RestartCount"] >= restarts and container.attrs["State"]["Pid"]:
            return
        time.sleep(0.05)


def await_answer(ask: Callable[[], str], wanted: str) -> None:
    """Return when it is said; the test's own time limit ends it otherwise."""
    while True:
        with suppress(httpx.HTTPError, subprocess.SubprocessError):
            if ask() == wanted:
                return
        time.sleep(0.05)


def assert_well(world: ArrangedWorkloads, ask: Callable[[], str]) -> None:
    """It answers, writes where it may write, and its health check passes."""
    await_answer(ask, "1")
    while (serving := world.workloads.look(world.service, "dev").serving) is None or not serving.healthy:
        time.sleep(0.05)
    assert world.workloads.execute(world.service, "dev", WRITES, timedelta(seconds=60)) == (0, "x")
    assert world.workloads.execute(world.service, "dev", READY, timedelta(seconds=60))[0] == 0
    # Its engine says so, too.
    while workload_of(world).attrs["State"]["Health"]["Status"] != "healthy":
        time.sleep(0.05)


def asking(address: str) -> Callable[[], str]:
    return lambda: httpx.get(f"http://{address}/cgi-bin/commit", trust_env=False, timeout=5).text[:1]


@pytest.mark.parametrize("end", [kill, kill_its_child, kill_twice, restart, end_politely, signal_it])
def test_a_workload_comes_back_whatever_ended_it(
    arranged_workloads: ArrangedWorkloads, end: Callable[[Container], None]
) -> None:
    world = arranged_workloads
    state = world.workloads.deploy(world.desired("1", healthcheck=OFTEN), {}, 1, world.log.append)
    before = workload_of(world)
    end(before)
    assert_well(world, asking(state.address))
    assert workload_of(world).id == before.id


@pytest.mark.parametrize(
    ("user", "writable"),
    [
        ("65532:65532", ("/tmp",)),  # noqa: S108
        ("1000", ("/tmp", "/var/cache/app")),  # noqa: S108
        ("70:99", ("/tmp", "/run", "/a/b/c")),  # noqa: S108
        ("65532:65532", ("/tmp", "/www/state")),  # noqa: S108
        ("65532:1", ("/tmp", "/bin/sub")),  # noqa: S108
    ],
)
def test_its_user_may_write_after_each_start_as_after_the_first(
    arranged_workloads: ArrangedWorkloads, user: str, writable: tuple[str, ...]
) -> None:
    world = arranged_workloads
    desired = world.desired("1", healthcheck=OFTEN, user=user, writable=writable)
    state = world.workloads.deploy(desired, {}, 1, world.log.append)
    written = "; ".join(f"echo x > {path}/written || exit 1" for path in writable)
    for attempt in range(3):
        if attempt:
            kill(workload_of(world))
            await_start(workload_of(world), attempt)
        assert_well(world, asking(state.address))
        command = ("/bin/busybox", "sh", "-c", written)
        assert world.workloads.execute(world.service, "dev", command, timedelta(seconds=60)) == (0, "")


@pytest.mark.parametrize("end", [kill, kill_its_child, kill_twice, restart])
@pytest.mark.parametrize("reloaded", [False, True])
def test_the_front_comes_back_whatever_ended_it(
    arranged_workloads: ArrangedWorkloads,
    end: Callable[[Container], None],
    reloaded: bool,  # noqa: FBT001
) -> None:
    world = arranged_workloads
    if reloaded:
        # The engine takes the signal of a reload for a wish to stop it.
        world.workloads.deploy(world.desired("2"), {}, 1, world.log.append)
    state = world.workloads.deploy(world.desired("1", healthcheck=OFTEN), {}, 2, world.log.append)
    before = front_of(world)
    end(before)
    assert_well(world, asking(state.address))
    assert front_of(world).id == before.id


@dataclass
class OwnHost:
    """An engine of the test's own in a network of its own, with a registry; it can be restarted."""

    folder: Path
    processes: Processes
    registry: str

    @property
    def address(self) -> str:
        return f"unix://{self.folder / 'engine.sock'}"

    @property
    def network(self) -> str:
        holder = self.processes.running("registry")
        assert holder is not None
        return f"--net=/proc/{holder.pid}/ns/net"

    def start(self) -> None:
        """As a supervisor does: again, where the engine gives up because its containerd is not there in time."""
        for _ in range(4):
            with suppress(Refused):
                return self._start()
        return self._start()

    def _start(self) -> None:
        (self.folder / "engine.pid").unlink(missing_ok=True)
        self.processes.start(
            "dockerd",
            [
                *("nsenter", self.network, "dockerd", f"--host={self.address}", f"--data-root={self.folder / 'data'}"),
                *(f"--exec-root={self.folder / 'run'}", f"--pidfile={self.folder / 'engine.pid'}"),
                f"--default-address-pool={ADDRESS_POOL}",
            ],
            ready=self._answers,
        )

    def _answers(self) -> bool:
        with suppress(Exception), connect(self.address):
            return True
        return False

    def end_engine(self, how: signal.Signals) -> None:
        engine = self.processes.running("dockerd")
        assert engine is not None
        group = [engine, *engine.children()] if how == signal.SIGKILL else [engine]
        for one in group:
            one.send_signal(how)
        psutil.wait_procs(group, timeout=120)

    def lose_power(self) -> None:
        """Everything on the host ends at once."""
        engine = self.processes.running("dockerd")
        assert engine is not None
        for one in [engine, *self._of_ours()]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs([engine], timeout=60)
        shutil.rmtree(self.folder / "run", ignore_errors=True)

    def _of_ours(self) -> list[psutil.Process]:
        """containerd, its shims, and what runs in the containers."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if str(self.folder / "run") in " ".join(process.cmdline()):
                    found += [process, *process.children(recursive=True)]
        return found

    def ask(self, address: str) -> Callable[[], str]:
        return lambda: self.get(f"http://{address}/cgi-bin/commit")[:1]

    def get(self, url: str) -> str:
        get = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"
        command = ["nsenter", self.network, sys.executable, "-I", "-S", "-c", get, url]
        return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout

    def serves_images(self) -> bool:
        with suppress(subprocess.SubprocessError):
            return bool(self.get(f"http://{self.registry}/v2/"))
        return False


@pytest.fixture
def own_host(plain_registry: RealRegistry) -> Iterator[OwnHost]:
    with tempfile.TemporaryDirectory(prefix="host-", ignore_cleanup_errors=True) as name:
        folder, address = Path(name), f"127.0.0.1:{free_port()}"
        (folder / "config.yml").write_text(json.dumps(configuration(plain_registry.storage, address)))
        host = OwnHost(folder, Processes(folder / "processes"), address)
        serve = f"ip link set lo up && exec docker-registry serve {folder / 'config.yml'}"
        host.processes.start("registry", ["unshare", "--net", "sh", "-c", serve], ready=host.serves_images)
        try:
            host.start()
            yield host
            with connect(host.address) as client:
                for container in client.containers.list(all=True):
                    container.remove(force=True, v=True)
        finally:
            host.processes.stop("dockerd", within=60)
            host.processes.stop("registry")
            for mount in psutil.disk_partitions(all=True):
                if mount.mountpoint.startswith(name):
                    subprocess.run(["umount", "--lazy", mount.mountpoint], check=False)


def test_all_that_serves_comes_back_with_its_engine(
    own_host: OwnHost, arranged_workloads: ArrangedWorkloads, workload_image: ImageReference
) -> None:
    """Restarted, killed, and with its host; with what somebody had stopped by hand, too."""
    target = DockerTarget(engine=own_host.address, front_image=arranged_workloads.target.front_image)
    image = arranged_workloads.client.images.get(target.front_image)
    with connect(own_host.address) as client:
        client.images.load(b"".join(image.save(named=True)))
        workloads = DockerWorkloads(client, target, own_host.registry)
        world = ArrangedWorkloads(workloads, workload_image, arranged_workloads.service, client, target)
        world.workloads.deploy(world.desired("2"), {}, 1, world.log.append)
        state = world.workloads.deploy(world.desired("1", healthcheck=OFTEN), {}, 2, world.log.append)
        ask = own_host.ask(state.address)
        assert_well(world, ask)
    for end in (
        lambda: own_host.end_engine(signal.SIGTERM),
        lambda: own_host.end_engine(signal.SIGKILL),
        own_host.lose_power,
        lambda: stop_by_hand(own_host, world.service),
    ):
        end()
        own_host.start()
        with connect(own_host.address) as client:
            world.client = client
            world.workloads = DockerWorkloads(client, target, own_host.registry)
            assert_well(world, ask)


def stop_by_hand(host: OwnHost, service: str) -> None:
    with connect(host.address) as client:
        for container in client.containers.list(filters={"label": f"io.pratique.service={service}"}):
            container.kill()
    host.end_engine(signal.SIGTERM)
