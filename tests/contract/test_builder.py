"""What every `Builder` keeps: the fake and a real Docker Engine alike; and what only a real one can show."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from docker import DockerClient

from pratique.clients.engine import open_builder
from pratique.clients.ports import Builder, ImageBuild, OciImage
from pratique.errors import Invalid, Refused
from pratique.values.digest import digest_of
from tests.fakes.engine import FakeBuilder
from tests.services.engine import COMMITTED, SOURCE, busybox, image_build

COPIES = "FROM scratch\nARG SOURCE_COMMIT\nCOPY page /www/page\nENV COMMIT=$SOURCE_COMMIT\n"
CREATED = "2024-02-29T12:30:15Z"


def exported(builder: Builder, build: ImageBuild, folder: Path) -> OciImage:
    folder.mkdir(exist_ok=True)
    return builder.export(builder.build(build, {}, lambda line: None), build, folder)


def paths_in(image: OciImage) -> dict[str, tarfile.TarInfo]:
    found: dict[str, tarfile.TarInfo] = {}
    for layer in image.layers:
        with tarfile.open(layer.file) as archive:
            found |= {member.name: member for member in archive}
    return found


@pytest.fixture(params=["fake", "docker"])
def builder(request: pytest.FixtureRequest) -> Iterator[Builder]:
    if request.param == "fake":
        yield FakeBuilder()
        return
    # Every step anew: from the cache, two builds would be the same by being one.
    with open_builder(request.getfixturevalue("engine"), cache=False) as builder:
        yield builder


@pytest.fixture
def docker_builder(engine: str) -> Iterator[Builder]:
    with open_builder(engine, cache=False) as builder:
        yield builder


def test_two_builds_of_a_commit_have_the_same_digests(builder: Builder, tmp_path: Path) -> None:
    build = image_build({"Dockerfile": COPIES, "page": "hello"})
    one, two = exported(builder, build, tmp_path / "one"), exported(builder, build, tmp_path / "two")
    assert one.config == two.config
    assert [layer.digest for layer in one.layers] == [layer.digest for layer in two.layers]


def test_what_is_exported_is_whole(builder: Builder, tmp_path: Path) -> None:
    image = exported(builder, image_build({"Dockerfile": COPIES, "page": "hello"}), tmp_path)
    config = json.loads(image.config)
    assert image.layers
    for layer, diff_id in zip(image.layers, config["rootfs"]["diff_ids"], strict=True):
        content = layer.file.read_bytes()
        assert (digest_of(content), len(content)) == (layer.digest, layer.size)
        assert digest_of(gzip.decompress(content)) == diff_id
    assert sorted(tmp_path.iterdir()) == sorted({layer.file for layer in image.layers})


def test_the_image_tells_its_commit(builder: Builder, tmp_path: Path) -> None:
    image = exported(builder, image_build({"Dockerfile": COPIES, "page": "hello"}, commit="2" * 40), tmp_path)
    told = {
        "org.opencontainers.image.source": SOURCE,
        "org.opencontainers.image.revision": "2" * 40,
        "org.opencontainers.image.created": CREATED,
    }
    assert image.annotations == {**told, "org.opencontainers.image.title": "hello/web"}
    config = json.loads(image.config)
    assert config["created"] == CREATED
    assert config["config"]["Labels"] == told


def test_every_step_is_logged(builder: Builder) -> None:
    lines: list[str] = []
    builder.build(image_build({"Dockerfile": COPIES, "page": "hello"}), {}, lines.append)
    # An engine counts the labels as steps of their own.
    assert [line for line in lines if re.fullmatch(r"Step 3/\d : COPY page /www/page", line)]


@pytest.mark.parametrize("section", [{}, {"dockerfile": "build/Dockerfile", "context": "web"}])
def test_a_missing_dockerfile_is_invalid_naming_context_and_path(builder: Builder, section: dict[str, str]) -> None:
    with pytest.raises(Invalid) as invalid:
        builder.build(image_build({"page": "hello"}, **section), {}, lambda line: None)
    message = str(invalid.value)
    assert repr(section.get("dockerfile", "Dockerfile")) in message
    assert repr(section.get("context", ".")) in message
    assert "hello: image web" in message


def test_a_step_that_fails_is_refused_naming_it(builder: Builder) -> None:
    with pytest.raises(Refused, match=r"hello: image web .*Step 2/\d : RUN /nowhere"):
        builder.build(image_build({"Dockerfile": "FROM scratch\nRUN /nowhere\n"}), {}, lambda line: None)


def test_the_dockerfile_may_have_another_name(builder: Builder, tmp_path: Path) -> None:
    build = image_build({"deploy/web.dockerfile": COPIES, "page": "hello"}, dockerfile="deploy/web.dockerfile")
    assert exported(builder, build, tmp_path).layers


def test_an_image_that_is_not_there_cannot_be_exported(builder: Builder, tmp_path: Path) -> None:
    build = image_build({"Dockerfile": COPIES, "page": "hello"})
    with pytest.raises(Refused, match="No such image"):
        builder.export(f"sha256:{'0' * 64}", build, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_ignored_is_not_sent(docker_builder: Builder, tmp_path: Path) -> None:
    tree = {
        "Dockerfile": "FROM scratch\nCOPY . /context/\n",
        ".dockerignore": "# what nobody needs\n**/*.log\nnode\n!node/kept\n",
        "page": "hello",
        "deep/down/trace.log": "x",
        "node/module": "x",
        "node/kept": "x",
    }
    found = paths_in(exported(docker_builder, image_build(tree), tmp_path))
    files = {name for name, member in found.items() if member.isreg()}
    assert files == {f"context/{name}" for name in ("Dockerfile", ".dockerignore", "page", "node/kept")}


def test_the_commit_reaches_steps_that_ask_for_it_and_no_time_is_later_than_the_commits(
    docker_builder: Builder, tmp_path: Path
) -> None:
    build = image_build({"Dockerfile": COPIES, "page": "hello"})
    image = exported(docker_builder, build, tmp_path)
    config = json.loads(image.config)
    assert f"COMMIT={build.commit.id}" in config["config"]["Env"]
    assert {entry["created"] for entry in config["history"]} == {CREATED}
    # The folder was made by the engine, at the time of the build.
    assert {member.mtime for member in paths_in(image).values()} == {int(COMMITTED.timestamp())}
    engines_own = {"container", "container_config", "docker_version", "id", "parent", "Hostname", "Image"}
    assert not engines_own & (set(config) | set(config["config"]))


def test_a_stage_can_be_built_alone_and_arguments_are_passed(docker_builder: Builder, tmp_path: Path) -> None:
    dockerfile = (
        "FROM scratch AS first-stage\nARG GREETING\nENV SAID=$GREETING\nCOPY page /page\nFROM scratch\nCOPY absent /absent\n"
    )
    build = image_build({"Dockerfile": dockerfile, "page": "x"}, target="first-stage", args={"GREETING": "hi there"})
    config = json.loads(exported(docker_builder, build, tmp_path).config)
    assert "SAID=hi there" in config["config"]["Env"]


def test_a_layer_that_occurs_twice_is_exported_twice(docker_builder: Builder, tmp_path: Path) -> None:
    build = image_build({"Dockerfile": "FROM scratch\nCOPY page /\nCOPY page /\nCOPY page /\n", "page": "x"})
    image = exported(docker_builder, build, tmp_path)
    assert len(image.layers) == 3
    assert len({layer.digest for layer in image.layers}) == 1


def test_a_step_that_runs_and_fails_is_refused_with_its_last_lines(docker_builder: Builder) -> None:
    # Labelled, so that what a failed build leaves in the engine's cache is removed with the rest.
    dockerfile = (
        f"FROM scratch\nLABEL org.opencontainers.image.source={SOURCE}\nCOPY busybox /bin/sh\n"
        'RUN echo "compiling"; echo "syntax error, line 7"; exit 3\n'
    )
    lines: list[str] = []
    with pytest.raises(Refused) as refused:
        docker_builder.build(image_build({"Dockerfile": dockerfile, "busybox": busybox()}), {}, lines.append)
    message = str(refused.value)
    assert re.search(r"Step 4/\d : RUN", message)
    assert "returned a non-zero code: 3" in message
    assert "syntax error, line 7" in message
    assert "syntax error, line 7" in lines


def test_builds_and_exports_side_by_side_do_not_disturb_each_other(engine: str, tmp_path: Path) -> None:
    def run(number: int) -> OciImage:
        with open_builder(engine) as builder:
            return exported(builder, image_build({"Dockerfile": COPIES, "page": "same"}, commit=f"{number % 2}" * 40), tmp_path)

    with ThreadPoolExecutor(4) as threads:
        images = list(threads.map(run, range(4)))
    assert images[0].config == images[2].config != images[1].config == images[3].config
    assert all(digest_of(layer.file.read_bytes()) == layer.digest for image in images for layer in image.layers)
    assert {file.suffix for file in tmp_path.iterdir()} == {".gz"}


SECRET = f"hunter2-{secrets.token_hex(8)}\nsecond-line-{secrets.token_hex(8)}"
USES_SECRET = (
    "FROM scratch\nCOPY busybox /bin/sh\n"
    "RUN --mount=type=secret,id=token cat /run/secrets/token && wc -c < /run/secrets/token > /size\n"
)


def test_a_build_secret_is_used_and_leaves_no_trace(
    docker_builder: Builder, docker_client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A place of its own: other builds use the usual one at the same time.
    in_memory = tmp_path / "memory"
    in_memory.mkdir()
    monkeypatch.setattr("pratique.clients.engine.buildkit._MEMORY", in_memory)
    build = image_build({"Dockerfile": USES_SECRET, "busybox": busybox()}, secrets={"token": "vault:kv/data/hello#token"})
    lines: list[str] = []
    image_id = docker_builder.build(build, {"token": SECRET}, lines.append)

    image = docker_builder.export(image_id, build, tmp_path)
    contents = b"".join(gzip.decompress(layer.file.read_bytes()) for layer in image.layers)
    with tarfile.open(image.layers[-1].file) as layer:
        size = layer.extractfile("size")
        assert size is not None
        assert int(size.read()) == len(SECRET)
    image_there = docker_client.images.get(image_id)
    saved = b"".join(image_there.save(named=False))
    history = json.dumps([image_there.history(), image_there.attrs])
    shown = "\n".join(lines)
    assert "********" in shown
    for part in SECRET.splitlines():
        assert part not in shown
        assert part not in history
        for place in (contents, saved, image.config):
            assert part.encode() not in place
    assert list(in_memory.iterdir()) == []


def test_a_build_with_secrets_that_fails_names_the_step_and_not_the_secret(docker_builder: Builder) -> None:
    dockerfile = USES_SECRET.replace("wc -c", "false && wc -c")
    build = image_build({"Dockerfile": dockerfile, "busybox": busybox()}, secrets={"token": "vault:kv/data/hello#token"})
    with pytest.raises(Refused, match=r"\[2/2\] RUN|\[stage-0 2/2\] RUN") as refused:
        docker_builder.build(build, {"token": SECRET}, lambda line: None)
    assert not [part for part in SECRET.splitlines() if part in str(refused.value)]


def test_without_buildkit_a_build_with_secrets_is_invalid(
    docker_builder: Builder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli = tmp_path / "docker"
    cli.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Docker version 28.2.2, build e6534b4" && exit\nexit 1\n')
    cli.chmod(0o755)
    monkeypatch.setattr("pratique.clients.engine.buildkit.shutil.which", lambda name: str(cli))
    build = image_build({"Dockerfile": USES_SECRET}, secrets={"token": "vault:kv/data/hello#token"})
    with pytest.raises(Invalid, match="buildx plug-in") as invalid:
        docker_builder.build(build, {"token": SECRET}, lambda line: None)
    assert SECRET not in str(invalid.value)
