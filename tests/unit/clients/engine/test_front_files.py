"""The front's two files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pratique.clients.engine.front_files import Backend, FrontRecord, configuration, parse_record, routed_to
from pratique.clients.engine.front_log import _former_workers, _moment
from pratique.clients.engine.place import Place

BACKEND = Backend(container="a" * 64, alias="workload-0123", address="172.18.0.3", port=8080)
PLACE = Place(service="hello", environment="dev")


def test_a_configuration_tells_where_it_routes_to() -> None:
    content = configuration(PLACE, BACKEND, timedelta(seconds=5))
    assert routed_to(content) == BACKEND.container
    text = content.decode()
    assert "server container workload-0123:8080 resolvers engine resolve-prefer ipv4 init-addr 172.18.0.3\n" in text
    assert "hard-stop-after 5000ms\n" in text


def test_no_drain_at_all_is_the_shortest_and_not_an_endless_one() -> None:
    assert b"hard-stop-after 1ms\n" in configuration(PLACE, BACKEND, timedelta(0))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# container abc\n", b"global\n"])
def test_what_is_no_configuration_of_ours_routes_nowhere(content: bytes) -> None:
    assert routed_to(content) == ""


@pytest.mark.parametrize("content", [b"", b"{", b'{"fence": "many"}', b'{"fenced": 1}', b"\xff"])
def test_a_record_that_cannot_be_read_is_an_empty_one(content: bytes) -> None:
    assert parse_record(content) == FrontRecord()


def test_a_record_is_read_back() -> None:
    record = FrontRecord(fence=7, serving="a" * 64)
    assert parse_record(record.model_dump_json().encode()) == record


LOGS: tuple[tuple[tuple[str, ...], set[str]], ...] = (
    ((), set()),
    (("[NOTICE] (1) : New worker (8) forked",), set()),
    (("New worker (8) forked", "New worker (11) forked", "Loading success."), {"8"}),
    (("New worker (8) forked", "New worker (11) forked", "[WARNING] (1) : Former worker (8) exited with code 0 (Exit)"), set()),
    (("New worker (8) forked", "New worker (9) forked", "New worker (10) forked", "Former worker (9) exited"), {"8"}),
    (("Former worker (3) exited", "New worker (8) forked", "New worker (9) forked"), {"8"}),
)


@pytest.mark.parametrize(("lines", "former"), LOGS)
def test_workers_that_were_replaced_drain_until_they_have_exited(lines: tuple[str, ...], former: set[str]) -> None:
    assert _former_workers(list(lines)) == former


def test_moments_sort_whatever_zeros_an_engine_leaves_out() -> None:
    stamps = ["2026-11-23T18:49:57.3Z", "2026-11-23T18:49:57.300000001Z", "2026-11-23T18:49:57.31Z", "2026-11-23T18:49:58Z"]
    assert sorted(map(_moment, stamps)) == list(map(_moment, stamps))
