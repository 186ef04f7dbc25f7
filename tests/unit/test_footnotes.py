"""The first failure is what is told: an error while it is explained, or cleaned up after, is a footnote."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
from docker.errors import APIError

from pratique.clients.engine.front import Front
from pratique.clients.engine.place import Place
from pratique.clients.engine.ready import await_ready
from pratique.clients.engine.rollout import Rollout
from pratique.clients.registry.purpose import Purpose
from pratique.clients.vault.secrets import _engine
from pratique.errors import Refused, Transient, footnote
from pratique.scrub import Redactor
from tasks import _step
from tasks._outcome import told
from tests.services.engine import desired_workload
from tests.unit.clients.engine.test_container import IMAGE

UNREADABLE = [
    APIError("no", requests.Response(), "configured logging driver does not support reading"),
    requests.ConnectionError("connection reset"),
    requests.ReadTimeout("too slow"),
    OSError("gone"),
    APIError("no", requests.Response(), "No such container"),
]


class Broken:
    """A container that has ended, and about which nothing more can be done."""

    name, id, labels = "hello-1", "1" * 64, {}  # it is read alone

    def __init__(self, failure: Exception, state: dict[str, Any]) -> None:
        self.failure, self.attrs = failure, {"State": state, "RestartCount": 0}

    def reload(self) -> None: ...

    def logs(self, **_: object) -> bytes:
        raise self.failure

    def remove(self, **_: object) -> None:
        raise self.failure


@pytest.mark.parametrize("failure", UNREADABLE, ids=str)
def test_how_a_container_ended_is_told_whatever_its_log_says(failure: Exception) -> None:
    container: Any = Broken(failure, {"Status": "exited", "ExitCode": 3})
    engine: Any = None
    section = desired_workload("hello", IMAGE, "1").section
    with pytest.raises(Refused, match=r"hello-1 ended with status 3; its log cannot be read: the engine did not"):
        await_ready(engine, container, section, Redactor())


@pytest.mark.parametrize("failure", UNREADABLE, ids=str)
def test_why_a_container_is_not_ready_is_told_whatever_its_log_says(failure: Exception) -> None:
    container: Any = Broken(failure, {"Status": "running", "ExitCode": 0, "Health": {"Status": "starting"}})
    engine: Any = None
    desired = desired_workload("hello", IMAGE, "1", healthcheck=None, ready_within=timedelta(milliseconds=1))
    with pytest.raises(Refused, match=r"was not ready within .*'starting'; its log cannot be read"):
        await_ready(engine, container, desired.section, Redactor())


@pytest.mark.parametrize("step", ["_await", "_switch_or_remove"])
@pytest.mark.parametrize("failure", UNREADABLE[:4], ids=str)
def test_a_container_that_cannot_be_removed_is_a_footnote(
    failure: Exception, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Refused("it ended with status 3")

    monkeypatch.setattr("pratique.clients.engine.rollout.await_ready", refuse)
    monkeypatch.setattr(Rollout, "_switch", refuse)
    parts: Any = SimpleNamespace()
    log: list[str] = []
    desired = desired_workload("hello", IMAGE, "1")
    rollout = Rollout(parts, Place(service="hello", environment="dev"), parts, desired, {}, 1, log.append, "r", None)
    with pytest.raises(Refused, match=r"^it ended with status 3") as told_first:
        getattr(rollout, step)(Broken(failure, {}))
    assert "could not remove hello-1" in told_first.value.__notes__[0]


@pytest.mark.parametrize("broken", ["_required", "write_file", "_start"])
def test_a_front_that_cannot_be_brought_back_is_a_footnote(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    container: Any = SimpleNamespace(status="running", name="front")
    engine: Any = None
    front = Front(engine, Place(service="hello", environment="dev"), image="i", bind="")
    calls: list[str] = []

    def load(*_: object) -> None:
        container.status = "exited"
        calls.append("load")
        raise Refused("the port is taken")

    def at(name: str) -> Any:
        def call(*_: object) -> Any:
            if calls and name == broken:
                raise Transient("the engine is gone")
            return container

        return call

    monkeypatch.setattr(Front, "_load", load)
    monkeypatch.setattr(Front, "_required", at("_required"))
    monkeypatch.setattr(Front, "_start", at("_start"))
    monkeypatch.setattr("pratique.clients.engine.front.write_file", at("write_file"))
    monkeypatch.setattr("pratique.clients.engine.front.read_files", lambda *_: {})
    backend: Any = SimpleNamespace(container="1" * 64, alias="a", address="10.0.0.1", port=80)
    with pytest.raises(Refused, match=r"^the port is taken") as told_first:
        front.route(backend, publish=1, drain=timedelta(seconds=1), fence=1)
    assert told_first.value.__notes__ == ["and then it could not bring back what was there before: the engine is gone"]


@pytest.mark.parametrize("failure", [Refused("no"), Transient("gone")])
def test_a_mount_that_cannot_be_looked_at_explains_nothing(failure: Exception) -> None:
    def ask(*_: object) -> None:
        raise failure

    session: Any = SimpleNamespace(ask=ask)
    assert _engine(session, "kv") == ""


class CutOff(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        yield b"{"
        raise httpx.ReadError("cut off")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (HTTPStatus.FORBIDDEN, Refused),
        (HTTPStatus.NOT_FOUND, Refused),
        (HTTPStatus.BAD_REQUEST, Refused),
        (HTTPStatus.SERVICE_UNAVAILABLE, Transient),
        (HTTPStatus.TOO_MANY_REQUESTS, Transient),
    ],
)
@pytest.mark.parametrize("body", [CutOff(), b"x" * 5_000_000])
def test_a_no_of_a_registry_counts_whatever_becomes_of_its_words(
    status: HTTPStatus, kind: type[Exception], body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pratique.clients.registry.wire import Wire  # noqa: PLC0415  # beside what it is about

    response = httpx.Response(status, **({"stream": body} if isinstance(body, CutOff) else {"content": body}))
    response.request = httpx.Request("GET", "http://r.example.test/v2/")
    monkeypatch.setattr(Wire, "_ask", lambda *_: response)
    wire = Wire.__new__(Wire)
    wire.address = "r.example.test"
    with pytest.raises(kind, match=str(status.value)):
        wire.send(Purpose(doing="look", repository="hello"), "GET", "/v2/")


@pytest.mark.parametrize("second", [Refused("b"), Transient("c"), Refused("d", "e")])
async def test_a_footnote_is_told_with_the_failure(second: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(_step, "get_run_logger", lambda: SimpleNamespace(log=lambda level, line: lines.append(line)))

    @told
    async def flow() -> None:
        failure = Refused("first")
        with footnote(failure, "clean up"):
            raise second
        raise failure

    state = await flow()
    assert (state.name, state.message) == ("Refused", f"first; and then it could not clean up: {second}")
    assert lines == [f"Refused: {state.message}"]
