"""The command line away from the happy way: one clear error, the right exit code, nothing changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pratique.cli.main import app
from tests.services.stack import EXAMPLE, RunningStack, Service

pytestmark = pytest.mark.xdist_group("stack")

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("promote", "nobody", "--to", "dev"), 3, "no release of 'nobody'"),
        (("promote", "nobody", "--to", "dev", "--release", DIGEST), 3, DIGEST),
        (("promote", "nobody", "--to", "dev", "--release", "latest"), 2, "latest"),
        (("plan", "nobody", "--to", "dev"), 3, "no release of 'nobody'"),
        (("verify", "nobody"), 3, "no release of 'nobody'"),
        (("rollback", "nobody", "--in", "dev", "--reason", "because"), 3, "no earlier release"),
        (("deliver", "/does/not/exist"), 3, "/does/not/exist"),
        (("deliver", "ext::sh -c touch% /tmp/owned"), 2, "transport helper"),
        (("deliver", ".", "--ref", "--upload-pack=touch"), 2, "upload-pack"),
        (("deliver", ".", "--ref", "a..b"), 2, "a..b"),
        (("validate", "/does/not/exist"), 2, "/does/not/exist"),
        (("deliver", "--bogus"), 2, "bogus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input_ends_with_one_reason_and_its_code(
    stack: RunningStack, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = stack.pratique(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr


def test_another_repository_cannot_take_a_services_name(stack: RunningStack) -> None:
    service = Service(stack, "taken")

    def list_the_owner(settings: dict[str, Any]) -> None:
        settings["unsafe_any_repository"] = False
        settings["services"] = {"taken": {"repository": "https://git.example.test/owner/taken.git"}}

    with stack.changed_settings(list_the_owner):
        done = service.deliver("--through", "dev")
    assert done.returncode == 3, done.stderr
    assert "comes from https://git.example.test/owner/taken.git by the settings" in " ".join(done.stderr.split())
    assert "build" not in done.stderr + done.stdout, "it is refused before anything is built"
    with stack.clients() as clients, clients.ledger() as ledger:
        assert ledger.releases("taken") == []


def test_without_settings_every_command_says_what_to_do(tmp_path: Path, stack: RunningStack) -> None:
    done = stack.pratique("environments", PRATIQUE_CONFIG=str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert "pratique up" in done.stderr


def test_the_example_is_valid_and_validate_says_in_which_order_it_moves() -> None:
    done = CliRunner().invoke(app, ["validate", str(EXAMPLE), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["environments"] == [["dev"], ["staging"], ["prod"]]


def test_schema_prints_the_published_schema() -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert done.stdout == (EXAMPLE.parents[1] / "docs" / "pratique.schema.json").read_text()
