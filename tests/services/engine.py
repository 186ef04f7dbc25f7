"""A real Docker Engine for the session: the machine's own, or one that is started; what tests make on it is removed again."""

from __future__ import annotations

import io
import secrets
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from docker import DockerClient

from pratique.clients.engine import DockerWorkloads, connect
from pratique.clients.ports import ImageBuild
from pratique.local.engine import NAME, ensure_engine, ensure_front_image, remove_all
from pratique.local.process import Processes
from pratique.settings import DockerTarget
from pratique.values.commit import Commit
from pratique.values.digest import Digest, digest_of
from pratique.values.manifest import ImageSection, ResourceLimits, WorkloadSection
from pratique.values.references import ImageReference
from pratique.values.sections import EngineHealthcheck
from pratique.values.workload import DesiredWorkload

SOURCE = f"https://git.example.org/{secrets.token_hex(4)}.git"
"""The repository of every image that a session builds: the label by which they are removed in the end."""
COMMITTED = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)

_WORKLOAD = """\
FROM scratch
COPY root/ /
ENTRYPOINT ["/bin/busybox", "sh", "/serve"]
"""
_SERVE = """\
echo "the secret is $PASSWORD"
[ -z "$ENDS_AT_ONCE" ] || exit 3
[ -n "$NEVER_READY" ] || echo ok > /tmp/ready
exec busybox httpd -f -p 8080 -h /www
"""
_HELD = """\
#!/bin/busybox sh
printf 'Content-Type: text/plain\\r\\n\\r\\n%s begins\\n' "$PRATIQUE_COMMIT"
while [ ! -e /tmp/go-on ]; do busybox sleep 0.1; done
echo "$PRATIQUE_COMMIT ends"
"""
_COMMIT = """\
#!/bin/busybox sh
printf 'Content-Type: text/plain\\r\\n\\r\\n%s' "$PRATIQUE_COMMIT"
"""
READY = ("/bin/busybox", "test", "-e", "/tmp/ready")  # noqa: S108

Tree = Mapping[str, bytes | str]


def tar_of(tree: Tree, *, time: datetime = COMMITTED) -> bytes:
    """A build context as `Source.archive` makes it: files that can be executed, times those of the commit."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in tree.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o755, int(time.timestamp())
            tar.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def image_build(tree: Tree, *, commit: str = "1" * 40, **section: object) -> ImageBuild:
    """What is needed to build an image out of the files."""
    return ImageBuild(
        service="hello",
        commit=Commit(
            repository=SOURCE, id=commit, author="Ada <ada@example.org>", committed_at=COMMITTED, subject="Say hello"
        ),
        section=ImageSection.model_validate({"name": "web", **section}),
        context=tar_of(tree),
    )


def busybox() -> bytes:
    """Debian's static busybox."""
    program = shutil.which("busybox")
    assert program, "the tests of workloads need a static busybox: apt-get install busybox-static"
    return Path(program).read_bytes()


@pytest.fixture(scope="session")
def engine(services_folder: Path) -> Iterator[str]:
    """The address of an engine."""
    processes = Processes(services_folder / "processes")
    address = ensure_engine(processes, services_folder / "engine")
    try:
        yield address
        with connect(address) as client:
            # One build's image is the cache of another: those that others stand on go later, or with them.
            for image in client.images.list(filters={"label": f"org.opencontainers.image.source={SOURCE}"}):
                client.api.remove_image(str(image.id), force=True)
    finally:
        processes.stop(NAME)


@pytest.fixture
def docker_client(engine: str) -> Iterator[DockerClient]:
    with connect(engine) as client:
        yield client


@pytest.fixture(scope="session")
def front_image(engine: str) -> Iterator[str]:
    """A front image of this session's own, unless the official one can be had."""
    own = f"pratique/front:tests-{secrets.token_hex(4)}"
    yield ensure_front_image(engine, own=own)
    with connect(engine) as client:
        if client.images.list(own):
            # By its name: the same image may have others, which are not ours.
            client.api.remove_image(own)


@pytest.fixture(scope="session")
def workload_image(engine: str, registry_address: str) -> ImageReference:
    """An image that only the registry has: an HTTP server that says its commit, at once or when it is let (`go_on`)."""
    tree: Tree = {
        "Dockerfile": _WORKLOAD,
        "root/bin/busybox": busybox(),
        "root/serve": _SERVE,
        "root/www/cgi-bin/held": _HELD,
        "root/www/cgi-bin/commit": _COMMIT,
    }
    repository = f"tests/workload-{secrets.token_hex(4)}"
    with connect(engine) as client:
        image, _ = client.images.build(
            fileobj=io.BytesIO(tar_of(tree)),
            custom_context=True,
            tag=f"{registry_address}/{repository}:1",
            rm=True,
            nocache=True,  # its steps would go with another session's image
            labels={"org.opencontainers.image.source": SOURCE},
        )
        digests = [
            line["aux"]["Digest"]
            for line in client.images.push(f"{registry_address}/{repository}", tag="1", stream=True, decode=True)
            if "aux" in line
        ]
        client.api.remove_image(str(image.id), force=True)
    assert digests, "the image of the tests could not be pushed"
    return ImageReference(repository=repository, digest=digests[0])


@dataclass
class ArrangedWorkloads:
    """A Docker host, a service of the test's own on it, and what should run."""

    workloads: DockerWorkloads
    image: ImageReference
    service: str
    client: DockerClient
    target: DockerTarget
    log: list[str] = field(default_factory=list)

    def desired(self, commit: str = "1", **section: object) -> DesiredWorkload:
        return desired_workload(self.service, self.image, commit, **section)

    def unready(self, commit: str) -> DesiredWorkload:
        """A workload that runs but never becomes ready."""
        return self.desired(commit, variables={"NEVER_READY": "1"}, ready_within=timedelta(milliseconds=500))

    def variables_of(self, container: str) -> dict[str, str]:
        pairs = self.client.containers.get(container).attrs["Config"]["Env"]
        return dict(pair.split("=", maxsplit=1) for pair in pairs)

    def go_on(self, container: str) -> None:
        """Let the requests that the container holds come to their ends."""
        status, output = self.client.containers.get(container).exec_run(["/bin/busybox", "touch", "/tmp/go-on"])  # noqa: S108
        assert status == 0, output

    def set_output(self, status: int, output: str) -> tuple[str, ...]:
        """A command that ends with this status and output."""
        return ("/bin/busybox", "sh", "-c", 'printf "%s" "$1"; exit "$2"', "sh", output, str(status))


def desired_workload(service: str, image: ImageReference, commit: str, **section: object) -> DesiredWorkload:
    """What should run at a commit: `commit` is one hex digit, which stands for forty."""
    release: Digest = digest_of(commit.encode())
    return DesiredWorkload(
        service=service,
        environment="dev",
        release=release,
        commit=commit * 40,
        image=image,
        section=WorkloadSection.model_validate(
            {
                "image": "web",
                "port": 8080,
                "writable": ("/tmp",),  # noqa: S108
                "resources": ResourceLimits(memory="64Mi", cpus=1, pids=32),
                "healthcheck": EngineHealthcheck(command=READY, interval=timedelta(seconds=1)),
                "drain": timedelta(seconds=10),
                **section,
            }
        ),
    )


@pytest.fixture
def arranged_workloads(
    engine: str, docker_client: DockerClient, front_image: str, registry_address: str, workload_image: ImageReference
) -> Iterator[ArrangedWorkloads]:
    stack = f"tests-{secrets.token_hex(4)}"
    target = DockerTarget(engine=engine, front_image=front_image, stack=stack)
    workloads = DockerWorkloads(docker_client, target, registry_address)
    try:
        yield ArrangedWorkloads(workloads, workload_image, f"t{secrets.token_hex(4)}", docker_client, target)
    finally:
        remove_all(engine, stack)
        reference = f"{registry_address}/{workload_image}"
        for image in docker_client.images.list(filters={"reference": reference}):
            docker_client.api.remove_image(str(image.id), force=True)
