"""From a document to what the engine is told, and from what it finds to a verdict; whatever is not as agreed is a no."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from pratique.decisions.dsse import problems_of
from pratique.decisions.policy_sets import CONTRACT, Gate
from pratique.errors import Invalid
from pratique.values.decision import Wait
from pratique.values.facts import Facts
from pratique.values.gate import LONGEST_REASON, Denial, GateVerdict

MOST_REASONS = 500
"""Of one gate."""
_DEEPEST = 32
_LARGEST = 2**53
_ENGINE_SAYS = re.compile(r"\(error \d+:(?P<path>[^|]*)\|(?P<at>\d+)\|\d+\s*\(errormsg \d+:(?P<why>[^)\n]*)\)")
_LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def told_to_policies(facts: Facts) -> Any:
    """The input document; `Invalid` where it holds what the engine would read as something else."""
    document = facts.model_dump(mode="json")
    _check(document, "input", 0)
    return document


def verdict_from(gate: Gate, answer: Mapping[str, Any]) -> GateVerdict:
    """What the gate says, by the engine's answer."""
    if "fault" in answer or set(answer.get("found", ())) != set(CONTRACT):
        return _verdict(
            gate, allowed=False, denials=[Denial(reason=fault_of(gate, str(answer.get("fault", "it has no answer"))))]
        )
    found = answer["found"]
    denials, waits, faults = _read(gate, found)
    allowed = found["allow"] == [True] and found["allow"][0] is True
    denials += [Denial(reason=fault) for fault in faults]
    if not allowed and not denials and not waits:
        denials = [Denial(reason=f"gate {gate.name!r} gives no reason: is something missing from its input?")]
    return _verdict(gate, allowed=allowed and not denials and not waits, denials=denials, waits=waits)


def _read(gate: Gate, found: Mapping[str, Any]) -> tuple[list[Denial], list[Wait], list[str]]:
    denials: list[Denial] = []
    waits: list[Wait] = []
    faults: list[str] = []
    for rule in ("deny", "wait"):
        said = found[rule][0] if found[rule] else []
        if not isinstance(said, list) or len(said) > MOST_REASONS:
            faults.append(f"gate {gate.name!r}: its {rule} is no set of at most {MOST_REASONS} reasons")
            continue
        for one in said:
            try:
                if rule == "deny":
                    denials.append(Denial.model_validate(one, strict=True))
                else:
                    waits.append(_wait(one))
            except ValidationError as error:
                faults.append(f"gate {gate.name!r}: its {rule} says what is no reason: {problems_of(error)}")
            except ValueError as error:
                faults.append(f"gate {gate.name!r}: its {rule} says what is no reason: {error}")
    return denials, waits, list(dict.fromkeys(faults))


def _wait(said: Any) -> Wait:
    if not isinstance(said, dict) or set(said) != {"reason", "until"}:
        raise ValueError("a wait has a reason and an until")
    reason, until = said["reason"], said["until"]
    if not isinstance(reason, str) or not 0 < len(reason) <= LONGEST_REASON:
        raise ValueError(f"a reason is a text of at most {LONGEST_REASON} characters")
    if until is None:
        return Wait(reason=reason)
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 <= until < _LAST_MOMENT:
        raise ValueError("until is a moment in seconds since 1970, or null")
    return Wait(reason=reason, until=datetime.fromtimestamp(until, UTC))


def _verdict(gate: Gate, *, allowed: bool, denials: list[Denial], waits: list[Wait] | None = None) -> GateVerdict:
    last = datetime.max.replace(tzinfo=UTC)
    return GateVerdict(
        gate=gate.name,
        origin=gate.origin,
        allowed=allowed,
        denials=tuple(sorted(denials, key=lambda one: (one.reason, one.finding))),
        waits=tuple(sorted(waits or [], key=lambda one: (one.until or last, one.reason))),
    )


def fault_of(gate: Gate, said: str) -> str:
    """The engine's complaint with the file and the line it is about."""
    if found := _ENGINE_SAYS.search(said):
        text = dict(gate.sources).get(found["path"], "").encode()
        line = text.count(b"\n", 0, int(found["at"])) + 1
        return str(Invalid(f"{found['path']}:{line}", f"cannot be evaluated: {found['why']}", "mend the rule"))
    paths = ", ".join(path for path, _ in gate.sources)
    why = "it cannot be read" if said.startswith("(") else said
    return str(Invalid(paths, f"cannot be evaluated: {why}", "mend it; `pratique policy test` tries it"))


def _check(value: Any, place: str, depth: int) -> None:
    """The engine reads numbers of 64 bits, speaks UTF-8, and goes as deep as its stack is."""
    remedy = "whoever signed the evidence has to mend it"
    if depth > _DEEPEST:
        raise Invalid(place, f"is nested more than {_DEEPEST} levels deep", remedy)
    match value:
        case str() if _is_broken(value):
            raise Invalid(place, "holds a text that cannot be told to policies", remedy)
        case bool() | str() | None:
            return
        case int() | float() if not -_LARGEST <= value <= _LARGEST:
            raise Invalid(place, "holds a number that is too large for policies", remedy)
        case dict():
            for name, one in value.items():
                _check(name, place, depth)
                _check(one, f"{place}.{name}", depth + 1)
        case list():
            for number, one in enumerate(value):
                _check(one, f"{place}[{number}]", depth + 1)


def _is_broken(text: str) -> bool:
    """Half of a surrogate pair, which has no bytes in UTF-8."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
