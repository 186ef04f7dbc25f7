"""Events as the suites of the inbox and of its dispatcher need them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from pratique.values.event import Action, Event, EventKind, Forge

_numbers = itertools.count(1)
HELLO = "https://git.example.test/team/hello.git"


def a_commit(number: int) -> str:
    # Not all zeros, which stand for no commit at all.
    return f"{number + 1:040x}"


def an_event(**fields: Any) -> Event:
    """A push of a commit that no other event of this session has."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "forge": Forge.GITHUB,
        "delivery": f"delivery-{number}",
        "kind": EventKind.PUSH,
        "service": "hello",
        "repository": HELLO,
        "ref": "refs/heads/main",
        "commit": a_commit(number),
        "action": Action.DELIVER,
        "received_at": datetime.now(UTC),
    }
    return Event(**(given | fields))
