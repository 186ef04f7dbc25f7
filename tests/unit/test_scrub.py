"""The last net for secrets."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from pratique import scrub as module
from pratique.scrub import REPLACEMENT, ScrubbingFilter, remember, scrub


@pytest.fixture(autouse=True)
def _own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_known", set())


def test_a_remembered_value_is_replaced_wherever_it_stands() -> None:
    remember("c4n4ry/v&lue")
    assert scrub("before c4n4ry/v&lue after") == f"before {REPLACEMENT} after"


def test_its_spelling_in_a_url_and_in_a_repr_is_replaced_too() -> None:
    remember("c4n4ry/v&lue\n")
    assert "c4n4ry" not in scrub("https://user:c4n4ry%2Fv%26lue%0A@host")
    assert "c4n4ry" not in scrub(repr("c4n4ry/v&lue\n"))


def test_its_spelling_in_json_is_replaced_too() -> None:
    secret = 'c4n4ry"v\\lué'
    remember(secret)
    assert "c4n4ry" not in scrub(json.dumps({"value": secret}))
    assert "c4n4ry" not in scrub(json.dumps({"value": secret}, ensure_ascii=False))


def test_a_secret_inside_a_longer_one_leaves_no_rest() -> None:
    remember("abcdef")
    remember("abcdef-ghijkl")
    assert scrub("abcdef-ghijkl") == REPLACEMENT


def test_a_short_value_does_not_tear_text_apart() -> None:
    remember("a")
    assert scrub("a sentence") == "a sentence"


def test_a_log_record_loses_it_from_message_arguments_and_traceback() -> None:
    remember("c4n4ryvalue")
    try:
        int("c4n4ryvalue")
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "f", 1, "%s is it", ("c4n4ryvalue",), sys.exc_info())
    assert ScrubbingFilter().filter(record)
    text = logging.Formatter().format(record)
    assert "c4n4ryvalue" not in text
    assert "ValueError" in text
