"""The running webhook is as its OpenAPI document says, whatever anybody sends, signed or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pratique.local.openbao import OpenBao
from pratique.values.event import EventState, Forge
from tests.calls import Call
from tests.services.webhook import RunningWebhook, webhook_in

CASES = Path(__file__).parents[1] / "cases" / "webhook"
CALLS: dict[str, list[dict[str, Any]]] = {
    forge: list(json.loads((CASES / f"{forge}.json").read_text())["calls"].values()) for forge in Forge
}
MODESTLY = settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
OPERATIONS = [("POST", "/events/{forge}"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")]


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory, openbao: OpenBao) -> Iterator[RunningWebhook]:
    with webhook_in(tmp_path_factory.mktemp("webhook"), openbao, hello="https://git.example.test/team/hello.git") as running:
        secret = ["vault:kv/data/webhook#current"]
        running.content["webhook"]["secrets"] = dict.fromkeys(Forge, secret)
        running.start("--no-dispatch")
        yield running


@pytest.fixture(scope="module")
def document(webhook: RunningWebhook) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{webhook.url}/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def schema(document: dict[str, Any]) -> BaseSchema:
    return schemathesis.openapi.from_dict(document)


def test_every_status_is_documented(document: dict[str, Any]) -> None:
    assert {(method.upper(), path) for path, item in document["paths"].items() for method in item} == set(OPERATIONS)
    answers = document["paths"]["/events/{forge}"]["post"]["responses"]
    assert set(answers) == {"200", "202", "400", "401", "403", "404", "408", "413", "415", "429", "503"}
    assert all("Retry-After" in answers[status]["headers"] for status in ("429", "503"))
    assert all("application/json" in answer["content"] for answer in answers.values())


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_strangers_send_is_answered_as_documented(
    webhook: RunningWebhook, schema: BaseSchema, method: str, path: str
) -> None:
    @MODESTLY
    @given(case=schema[path][method].as_strategy())
    def sent(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=webhook.url)

    sent()
    with webhook.inbox() as inbox:
        assert inbox.backlog().waiting == 0


def test_what_is_signed_is_answered_as_documented_too(webhook: RunningWebhook, schema: BaseSchema) -> None:
    statuses = set()

    @MODESTLY
    @given(case=schema["/events/{forge}"]["POST"].as_strategy(), data=st.data())
    def sent(case: schemathesis.Case, data: st.DataObject) -> None:
        forge = data.draw(st.sampled_from(list(Forge)))
        example = data.draw(st.sampled_from(CALLS[forge]))
        known: dict[str, Any] = example["body"]
        body = data.draw(st.sampled_from([known, case.body, {**known, **case.body} if isinstance(case.body, dict) else known]))
        call = Call(forge, example["headers"], json.dumps(body).encode())
        case.path_parameters = {"forge": str(forge)}
        answer = httpx.post(f"{webhook.url}/events/{forge}", headers=call.signed(), content=call.body)
        assert answer.status_code != 401
        # What else the body of an event must hold is its forge's to say: the document leaves it open, and 400 is for it.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        statuses.add(answer.status_code)

    sent()
    assert {200, 202} <= statuses <= {200, 202, 400, 403}
    with webhook.inbox() as inbox:
        assert {held.state for held in inbox.events()} == {EventState.WAITING}
