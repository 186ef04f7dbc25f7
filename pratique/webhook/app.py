"""The HTTP side of the intake: `POST /events/{forge}`, `/healthz`, `/readyz`, `/metrics`, `/docs`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import ClientDisconnect

from pratique import __version__
from pratique.clients.ports.inbox import Inbox
from pratique.errors import Invalid, Refused, Transient
from pratique.settings import Settings
from pratique.values.event import Forge
from pratique.webhook.authentication import Unauthenticated
from pratique.webhook.bodies import Bodies, TooLarge, TooSlow
from pratique.webhook.committing import Committer
from pratique.webhook.documents import RESPONSES, Ready, Reasons, describe
from pratique.webhook.intake import Answer, Intake, Outcome, UnknownForge, WrongContentType
from pratique.webhook.metrics import Metrics
from pratique.webhook.rates import Rates
from pratique.webhook.valid_secrets import ValidSecrets

LOOK = 1.0
"""Seconds between two looks at how far the inbox is behind."""
BUSY = 5
"""Seconds after which a caller that was sent away may try again."""

_STATUS = {
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    UnknownForge: HTTPStatus.NOT_FOUND,
    WrongContentType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    Invalid: HTTPStatus.BAD_REQUEST,
}

_log = logging.getLogger(__name__)


@dataclass
class Receiver:
    """One process's share of the intake."""

    settings: Settings
    inbox: Inbox
    secrets: ValidSecrets
    metrics: Metrics
    wake: Callable[[], None] | None = None
    """Tells whoever dispatches that there is something new."""

    def __post_init__(self) -> None:
        webhook = self.settings.webhook
        self.committer = Committer(self.inbox)
        self.intake = Intake(self.settings, self.secrets, self.committer)
        self.bodies = Bodies(webhook.largest_body)
        self.rates = Rates(webhook.rate_per_address, webhook.rate, time.monotonic())
        self.inbox_answers = False

    async def watch(self) -> None:
        """Looks how far the inbox is behind, until it is cancelled."""
        while True:
            try:
                backlog = await asyncio.to_thread(self.inbox.backlog)
            except (Refused, Transient) as failure:
                self.inbox_answers = False
                _log.warning("%s", failure)
            else:
                self.inbox_answers = True
                self.intake.room = self.settings.webhook.most_waiting - backlog.waiting
                self.metrics.waiting.set(backlog.waiting)
                self.metrics.behind.set(backlog.unreported)
                age = 0.0 if backlog.oldest is None else (datetime.now(UTC) - backlog.oldest).total_seconds()
                self.metrics.oldest.set(max(0.0, age))
            await asyncio.sleep(LOOK)

    async def receive(self, forge: Forge, request: Request) -> Response:
        """The answer to one call."""
        wait = self.rates.wait(request.client.host if request.client else "", time.monotonic())
        if wait:
            # Whole seconds is what the header holds.
            return _refusal(HTTPStatus.TOO_MANY_REQUESTS, ["too many calls"], retry_after=math.ceil(wait))
        if self.intake.room <= 0:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, ["too many events wait to be dispatched"], retry_after=BUSY)
        body = b""
        try:
            body = await self.bodies.read(request.stream(), request.headers.get("content-length"))
            answer = await self.intake.take(forge, request.headers, body)
            if self.wake is not None and answer.outcome is Outcome.ACCEPTED:
                self.wake()
            return _told(answer, forge, self.metrics)
        except ClientDisconnect:
            return _refusal(HTTPStatus.BAD_REQUEST, ["the caller hung up"])
        except Transient as transient:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, [str(transient)], retry_after=BUSY)
        except Refused as refused:
            return _refusal(_STATUS.get(type(refused), HTTPStatus.FORBIDDEN), list(refused.reasons))
        finally:
            self.bodies.release(body)

    async def unready(self) -> list[str]:
        """Why no call can be taken now."""
        reasons = [] if self.inbox_answers else ["the inbox does not answer"]
        if self.inbox_answers and self.intake.room <= 0:
            reasons.append("too many events wait to be dispatched")
        for forge in self.secrets.forges:
            try:
                await self.secrets.of(forge)
            except Transient as transient:
                reasons.append(f"{forge}: {transient}")
        return reasons


def application(receiver: Receiver) -> FastAPI:
    """The ASGI application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        work = [asyncio.create_task(receiver.committer.run()), asyncio.create_task(receiver.watch())]
        yield
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    app = FastAPI(title="Pratique's webhook", version=__version__, lifespan=lifespan, redoc_url=None)

    @app.post("/events/{forge}", status_code=HTTPStatus.ACCEPTED, response_model=Answer, responses=RESPONSES)
    async def receive(forge: Annotated[Forge, Path(description="Who calls.")], request: Request) -> Response:
        """Take a call of a forge or a registry. 202 means: stored durably, and dispatched soon."""
        began = time.perf_counter()
        response = await receiver.receive(forge, request)
        receiver.metrics.seconds.observe(time.perf_counter() - began)
        receiver.metrics.calls.labels(forge.value, str(response.status_code)).inc()
        return response

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process runs."""
        return {"status": "ok"}

    @app.get("/readyz", responses={503: {"model": Ready, "description": "Calls cannot be taken now."}})
    async def readyz() -> Ready:
        """Say whether calls can be taken."""
        reasons = await receiver.unready()
        ready = Ready(ready=not reasons, reasons=tuple(reasons))
        if reasons:
            return JSONResponse(ready.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE)  # type: ignore[return-value]
        return ready

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Give the figures of this process, for Prometheus."""
        return Response(generate_latest(receiver.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(RequestValidationError)
    async def unknown(_: Request, __: RequestValidationError) -> Response:
        return _refusal(HTTPStatus.NOT_FOUND, [f"there is no such forge; there are {', '.join(Forge)}"])

    describe(app)
    return app


def _told(answer: Answer, forge: Forge, metrics: Metrics) -> Response:
    for event in answer.events or (answer,):
        metrics.events.labels(forge.value, event.outcome.value).inc()
    status = HTTPStatus.ACCEPTED if answer.outcome is Outcome.ACCEPTED else HTTPStatus.OK
    return Response(answer.model_dump_json(), status, media_type="application/json")


def _refusal(status: HTTPStatus, reasons: list[str], retry_after: int | None = None) -> Response:
    headers: dict[str, Any] = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Signature"
    return JSONResponse(Reasons(reasons=tuple(reasons)).model_dump(), status, headers)
