"""The image configuration, without what an engine puts into it for itself."""

from __future__ import annotations

import json

from pratique.clients.engine.image_config import portable_config

ENGINES = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2030-01-01T00:00:00.123456789Z",
    "docker_version": "20.10.24",
    "container": "abc",
    "container_config": {"Hostname": "abc"},
    "parent": "sha256:abc",
    "id": "abc",
    "moby.buildkit.buildinfo.v1": "e30=",
    "config": {
        "Hostname": "",
        "AttachStdin": False,
        "Image": "sha256:abc",
        "User": "65532",
        "Env": ["PATH=/bin"],
        "Entrypoint": ["/bin/app"],
        "Cmd": None,
        "Labels": {"a": "b"},
        "OnBuild": None,
    },
    "history": [
        {"created": "2030-01-01T00:00:00Z", "created_by": "COPY", "comment": "x"},
        {"created": "2030-01-02T00:00:00Z", "created_by": "ENV", "empty_layer": True},
    ],
    "rootfs": {"type": "layers", "diff_ids": ["sha256:before"]},
}


def test_only_what_says_how_to_run_the_image_stays_and_every_time_is_the_commits() -> None:
    time = "2024-02-29T12:30:15Z"
    assert json.loads(portable_config(ENGINES, ["sha256:after"], time)) == {
        "architecture": "amd64",
        "os": "linux",
        "created": time,
        "config": {"User": "65532", "Env": ["PATH=/bin"], "Entrypoint": ["/bin/app"], "Labels": {"a": "b"}},
        "history": [
            {"created": time, "created_by": "COPY", "comment": "x"},
            {"created": time, "created_by": "ENV", "empty_layer": True},
        ],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:after"]},
    }


def test_an_image_without_history_or_configuration_has_one_all_the_same() -> None:
    bare = {"architecture": "arm64", "variant": "v8", "os": "linux", "config": None, "history": None}
    assert json.loads(portable_config(bare, [], "2024-02-29T12:30:15Z"))["config"] == {}
