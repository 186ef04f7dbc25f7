"""What is taken back stays back on the real local stack: holds, vetoes, exceptions, revocations, a second look at what runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pratique.clients.sigstore.key_file import make_key_file
from tests.services.stack import RunningStack, Service

if TYPE_CHECKING:
    from tests.fakes.flows_here import FlowsHere

pytestmark = pytest.mark.xdist_group("stack")

NEVER = "  - name: never\n    command: {run: [/bin/busybox, test, -e, /nowhere]}\n    deadline: 1s\n"


@pytest.fixture(scope="module")
def keys(stack: RunningStack, here: FlowsHere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with the keys of Ada and Bob, who may make exceptions in dev."""
    folder = tmp_path_factory.mktemp("people")
    pems = {name: make_key_file(folder / f"{name}.pem", "") for name in ("ada", "bob")}

    def change(settings: dict[str, Any]) -> None:
        settings["people"] |= {name: {"trust": [{"kind": "key", "pem": pem}]} for name, pem in pems.items()}
        settings["environments"]["dev"] |= {"exceptions": {"from": list(pems), "longest": "2h"}}

    with stack.changed_settings(change):
        yield folder


@pytest.fixture
def held(stack: RunningStack, keys: Path, service: Service) -> Service:  # the settings have to know them
    """A service whose dev was taken back to its first release after the second one had failed there."""
    service.delivered("--through", "dev")
    service.edit("pratique.yaml", "checks:\n", f"checks:\n{NEVER}")
    service.commit("A check that never passes")
    done = service.deliver("--through", "dev")
    assert done.returncode == 3, done.stdout + done.stderr
    return service


def words(done: Any) -> str:
    return " ".join((done.stdout + done.stderr).split())


def releases(stack: RunningStack, service: Service) -> list[str]:
    return [row["release"] for row in stack.read("releases", service.name)]


def excepted(service: Service, key: Path, gate: str, release: str) -> None:
    until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H}:30"
    arguments = ["--gate", gate, "--until", until, "--reason", "outage 4711", "--release", release]
    done = service.stack.pratique("except", service.name, "--to", "dev", *arguments, "--key", str(key))
    assert done.returncode == 0, words(done)


def test_after_a_failure_nothing_comes_until_somebody_lifts_the_hold_with_a_reason(stack: RunningStack, held: Service) -> None:
    good = stack.held(held.name)["dev"]["commit"]
    held.edit("pratique.yaml", NEVER, "")
    mended = held.commit("Without it")
    done = held.deliver("--through", "dev")
    assert done.returncode == 4, words(done)
    assert "'dev' is held after" in words(done)
    assert "lift the hold with `pratique lift`" in words(done)
    assert stack.held(held.name)["dev"]["commit"] == good
    (queued,) = stack.read("queue", held.name)
    assert "is held after" in queued["why"]

    held.lift("dev")
    assert stack.pratique("lift", held.name, "--in", "dev", "--reason", "twice").returncode == 3
    held.delivered("--through", "dev")
    assert held.version("dev")["commit"] == mended
    kinds = [(row["kind"], row["by"]) for row in stack.read("rulings", held.name)]
    assert [kind for kind, _ in kinds] == ["lift", "hold"]
    assert kinds[1][1] == "the pipeline"


@pytest.mark.parametrize("goes_on", [["advance"], ["promote", "--to", "dev"]], ids=lambda words: words[0])
def test_what_a_delivery_was_to_do_is_done_by_whatever_goes_on_for_it(
    stack: RunningStack, held: Service, goes_on: list[str]
) -> None:
    held.edit("pratique.yaml", NEVER, "")
    mended = held.commit("Without it")
    assert held.deliver("--through", "staging").returncode == 4
    held.lift("dev")
    command, *more = goes_on
    done = stack.pratique(command, held.name, *more, *(["--release", mended] if more else []))
    assert done.returncode == 0, words(done)
    assert {name: row["commit"] for name, row in stack.held(held.name).items()} == {
        "dev": mended[:12],
        "staging": mended[:12],
    }


def test_what_failed_is_let_in_again_only_by_an_exception_of_two(stack: RunningStack, keys: Path, held: Service) -> None:
    held.lift("dev")
    failed = releases(stack, held)[0]

    def promoted() -> Any:
        return stack.pratique("promote", held.name, "--to", "dev", "--release", failed)

    assert "was held after this very release" in words(promoted())
    excepted(held, keys / "ada.pem", "held", failed)
    excepted(held, keys / "ada.pem", "held", failed)
    assert "was held after this very release" in words(promoted())
    excepted(held, keys / "bob.pem", "held", failed)
    again = words(promoted())
    assert "was held after this very release" not in again
    assert "check never failed" in again


def test_a_rollback_holds_the_environment_after_what_it_was_gone_back_from(
    stack: RunningStack, keys: Path, service: Service
) -> None:
    service.delivered("--through", "dev")
    first = stack.held(service.name)["dev"]["commit"]
    service.edit("serve", "echo ok > /tmp/www/healthz", "echo ok > /tmp/www/healthz; true")
    service.commit("Something")
    service.delivered("--through", "dev")
    done = stack.pratique("rollback", service.name, "--in", "dev", "--reason", "errors after 14:00")
    assert done.returncode == 0, words(done)
    assert stack.held(service.name)["dev"]["commit"] == first
    service.commit("Something else")
    done = service.deliver("--through", "dev")
    assert done.returncode == 4, words(done)
    assert "errors after 14:00" in words(done)
    service.lift("dev")
    service.delivered("--through", "dev")


def test_the_operator_says_what_holds_an_environment(stack: RunningStack, keys: Path, service: Service) -> None:
    def held_on(what: str) -> Any:
        return stack.changed_settings(lambda settings: settings["environments"]["dev"].update(hold_on=what))

    service.delivered("--through", "dev")
    first = stack.held(service.name)["dev"]["commit"]
    service.edit("pratique.yaml", "checks:\n", f"checks:\n{NEVER}")
    service.commit("A check that never passes")
    with held_on("rollback"):
        done = service.deliver("--through", "dev")
        assert done.returncode == 3
        assert "was rolled back to" in words(done)
        assert "is held" not in words(done)
        assert stack.held(service.name)["dev"]["status"] == "granted"
        service.edit("pratique.yaml", NEVER, "")
        service.commit("Without it")
        service.delivered("--through", "dev")
    with held_on("never"):
        assert stack.pratique("rollback", service.name, "--in", "dev", "--reason", "errors").returncode == 0
        assert (row := stack.held(service.name)["dev"])["commit"] == first
        assert row["status"] == "granted"
    assert stack.read("rulings", service.name) == []


def test_a_revoked_release_goes_nowhere_and_is_gone_back_from(stack: RunningStack, keys: Path, service: Service) -> None:
    service.delivered("--through", "dev")
    (release,) = releases(stack, service)
    done = stack.pratique(
        "revoke", service.name, "--release", release, "--reason", "CVE-2026-1", "--key", str(keys / "ada.pem")
    )
    assert done.returncode == 0, words(done)
    done = stack.pratique("promote", service.name, "--to", "staging")
    assert done.returncode == 3
    assert "CVE-2026-1" in words(done)
    # What holds it keeps it; a second look says so.
    assert stack.held(service.name)["dev"]["release"] == release
    done = stack.pratique("reverify", service.name)
    assert done.returncode == 3
    assert "CVE-2026-1" in words(done)


def test_a_second_look_passes_what_is_well_and_revokes_what_would_not_be_let_in_today(
    stack: RunningStack, keys: Path, service: Service
) -> None:
    service.delivered("--through", "dev")
    done = stack.pratique("reverify", service.name)
    assert done.returncode == 0, words(done)
    assert stack.read("rulings", service.name) == []

    def ask_for_scans(settings: dict[str, Any]) -> None:
        settings["environments"]["dev"] |= {"gates": {"vulnerabilities": {"critical": 0}}}

    with stack.changed_settings(ask_for_scans):
        done = stack.pratique("reverify", service.name, "--dry-run")
        assert done.returncode == 3, words(done)
        assert stack.read("rulings", service.name) == []
        assert stack.pratique("reverify", service.name).returncode == 3
        assert stack.pratique("reverify", service.name).returncode == 3
    (revoked,) = stack.read("rulings", service.name)
    assert (revoked["kind"], revoked["by"]) == ("revoke", "the pipeline")
    assert "looked at again in dev" in revoked["reason"]
    # The policy of that hour is gone, the revocation stays, until two make an exception from it.
    done = stack.pratique("promote", service.name, "--to", "staging")
    assert done.returncode == 3
    assert "revoked" in words(done)
    (release,) = releases(stack, service)
    for who in ("ada", "bob"):
        excepted(service, keys / f"{who}.pem", "revoked", release)
    assert stack.pratique("reverify", service.name).returncode == 0
