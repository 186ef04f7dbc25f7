"""What the OpenAPI document says beyond what FastAPI finds out by itself: every status, and what a body may be."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from pratique.values._base import Value


class Reasons(Value):
    """Why a call was not taken."""

    reasons: tuple[str, ...]


class Ready(Value):
    """Whether calls can be taken, and why not."""

    ready: bool
    reasons: tuple[str, ...] = ()


_RETRY = {"Retry-After": {"description": "Seconds after which to call again.", "schema": {"type": "integer", "minimum": 0}}}
_REFUSALS = {
    400: "The body is no JSON, is nested too deeply, or is not what this event's body is; or a header is missing.",
    401: "The signature or the token is missing, wrong or stale.",
    403: "No service of the settings comes from this repository.",
    404: "There is no such forge, or the settings name no secret for it.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    429: "Too many calls.",
    503: "The secrets cannot be read, the inbox does not answer, or too many events wait: nothing was stored.",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Nothing is to be done: every event was stored before, or is of a kind or on a ref that starts nothing.",
    },
    202: {"description": "Stored durably; dispatched soon."},
    **{status: {"model": Reasons, "description": description} for status, description in _REFUSALS.items()},
}
for _status in (429, 503):
    RESPONSES[_status]["headers"] = _RETRY


def describe(app: FastAPI) -> None:
    """Let the document of the application be whole."""
    made = app.openapi()
    call = made["paths"]["/events/{forge}"]["post"]
    call["requestBody"] = {
        "required": True,
        "description": "What the forge sends, signed or shown with a token as that forge does it.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    call["responses"]["200"]["content"] = call["responses"]["202"]["content"]
    # FastAPI's own answer to a path that does not fit; ours is 404.
    call["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(unused, None)
    app.openapi_schema = made
