"""What the local stack's registry is told, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from docker.errors import DockerException

from pratique.errors import Invalid
from pratique.local import registry
from pratique.local.process import Processes
from pratique.local.registry import configuration, start_registry


def test_it_listens_on_loopback_keeps_its_files_together_and_lets_everything_be_deleted() -> None:
    told = configuration(Path("/state/storage"), "127.0.0.1:5000")
    assert told["http"] == {"addr": "127.0.0.1:5000"}
    assert told["storage"]["filesystem"] == {"rootdirectory": "/state/storage"}
    assert (told["storage"]["delete"], told["storage"]["redirect"]) == ({"enabled": True}, {"disable": True})
    assert "auth" not in told


def test_a_login_is_part_of_its_configuration() -> None:
    login = {"htpasswd": {"realm": "r", "path": "/state/htpasswd"}}
    assert configuration(Path("/state"), "127.0.0.1:5000", login)["auth"] == login


def no_engine(**_: object) -> None:
    raise DockerException("no engine: secret")


def test_without_the_program_and_without_an_engine_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PROGRAM", "no-such-docker-registry")
    monkeypatch.setattr("docker.from_env", no_engine)
    with pytest.raises(Invalid, match="apt-get install docker-registry"):
        start_registry(Processes(tmp_path), tmp_path / "registry", 5000)
