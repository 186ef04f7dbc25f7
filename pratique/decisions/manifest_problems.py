"""What is wrong with a document, in words: each of pydantic's errors as place, problem and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pratique.decisions.schema_at import schema_at
from pratique.decisions.strict_yaml import Document, Unclear, kind_of, path_text, short
from pratique.errors import Problem
from pratique.values.names import NAME_PATTERN
from pratique.values.problems import KEY, Path
from pratique.values.recurrence import ZONE_PATTERN

MOST_PROBLEMS = 25

SPELLINGS: Mapping[str, str] = {
    NAME_PATTERN: "write lower-case letters, digits and single hyphens, starting with a letter, 40 at most",
    r"^[^\\\x00-\x1f]+$": "write a path inside the repository, with slashes",
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": "write letters, digits and underscores, not starting with a digit, 128 at most",
    r"^[A-Za-z0-9]{1,255}$": "write letters and digits only, as CloudFormation's parameters are named",
    r"^[^\x00]*$": "write text without NUL characters",
    r"^[1-9][0-9]{0,6}(?:Ki|Mi|Gi)$": "write a whole number and Ki, Mi or Gi, such as 128Mi",
    r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$": "write an exact version of three numbers, such as 1.4.0",
    r"^[0-9]{1,10}(?::[0-9]{1,10})?$": "write a numeric user, or user and group, such as 65532:65532",
    r"^/[A-Za-z0-9._/-]+$": "write an absolute path below the root, such as /tmp",
    ZONE_PATTERN: "write a name of the IANA database, such as Europe/Berlin, or UTC",
    r"^/[^\s\x00-\x1f]*$": "write a path that starts with a slash and holds no space, such as /healthz",
}
"""What to write where a text does not have the pattern of its field."""


def problems_of(errors: list[ErrorDetails], document: Document, model: type[BaseModel]) -> list[Problem]:
    """Each error as one problem, in the order of the file; beyond 25, how many more there are."""
    found = sorted((_Wrong(error, document, model) for error in errors), key=lambda wrong: wrong.spot)
    problems = [wrong.problem() for wrong in found if not wrong.is_echo]
    if len(problems) > MOST_PROBLEMS:
        rest = len(problems) - MOST_PROBLEMS
        problems = [*problems[:MOST_PROBLEMS], Problem(document.place, f"and {rest} more like these", "mend these first")]
    return problems


@dataclass(frozen=True, slots=True)
class _Wrong:
    """One error of pydantic's, with what is needed to speak about it."""

    error: ErrorDetails
    document: Document
    model: type[BaseModel]

    @property
    def path(self) -> Path:
        return self.error["loc"]

    @property
    def found(self) -> Any:
        return self.error["input"]

    @property
    def context(self) -> dict[str, Any]:
        return self.error.get("ctx", {})

    @property
    def seen(self) -> str:
        """What stands there. Below `secrets` nothing is repeated: somebody may have put a password in place of a reference."""
        if "secrets" in self.path[:-1]:
            return "what stands here"
        return f"'{short(self.found)}'" if isinstance(self.found, str) else kind_of(self.found)

    @property
    def written(self) -> str:
        """The scalar as the file has it."""
        return short(self.document.spots[self.path].text)

    @property
    def is_echo(self) -> bool:
        """Whether it only repeats another error: a list counts as too short as soon as one of its items is wrong."""
        return self.error["type"] == "too_short" and len(self.found) >= self.context["min_length"]

    @property
    def spot(self) -> tuple[int, int]:
        """Line and column; of the key, where it is the key that is wrong."""
        return self.document.spot((*self.path, KEY) if self.error["type"] == "extra_forbidden" else self.path)

    def problem(self) -> Problem:
        line, column = self.spot
        place = f"{self.document.place}:{line}:{column} {path_text(self.path)}".rstrip()
        return Problem(place, *_WORDS.get(self.error["type"], _pydantics_words)(self))


def _unknown_key(wrong: _Wrong) -> tuple[str, str]:
    known = sorted(schema_at(wrong.model, wrong.path[:-1]).get("properties", {}))
    near = difflib.get_close_matches(str(wrong.path[-1]), known, n=1)
    return "there is no such key", f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _missing(wrong: _Wrong) -> tuple[str, str]:
    about = str(schema_at(wrong.model, wrong.path).get("description", "")).split("\n", maxsplit=1)[0]
    return f"the key `{wrong.path[-1]}` is missing", f"add it: {about}" if about else "add it"


def _wrong_type(expected: str, remedy: str) -> _Words:
    def words(wrong: _Wrong) -> tuple[str, str]:
        advice = "write a value, or remove the key" if wrong.found is None else remedy
        if expected == "text" and isinstance(wrong.found, bool | int | float | Unclear):
            advice = f'write it in quotes: "{wrong.written}"'
        return f"found {kind_of(wrong.found)}, expected {expected}", advice

    return words


def _out_of_range(wrong: _Wrong) -> tuple[str, str]:
    schema = schema_at(wrong.model, wrong.path)
    least = f"from {schema['minimum']} to" if "minimum" in schema else f"above {schema['exclusiveMinimum']} and at most"
    return f"{wrong.seen} is out of range", f"write a number {least} {schema['maximum']}"


def _pydantics_words(wrong: _Wrong) -> tuple[str, str]:
    return f"{wrong.seen} is refused", wrong.error["msg"]


def _own_words(wrong: _Wrong) -> tuple[str, str]:
    problem, _, remedy = str(wrong.context["error"]).rpartition(": ")
    return problem or f"{wrong.seen} is refused", remedy


_Words = Callable[[_Wrong], tuple[str, str]]

_WORDS: Mapping[str, _Words] = {
    "disagreement": lambda wrong: (wrong.context["problem"], wrong.context["remedy"]),
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "string_type": _wrong_type("text", "write a single value"),
    "int_type": _wrong_type("a whole number", "write a decimal number without quotes"),
    "float_type": _wrong_type("a number", "write a decimal number without quotes"),
    "tuple_type": _wrong_type("a list", "write [a, b], or lines that start with `- `"),
    "dict_type": _wrong_type("keys and values", "write `key: value` lines, indented below"),
    "model_type": _wrong_type("keys and values", "write `key: value` lines, indented below"),
    "string_pattern_mismatch": lambda wrong: (
        f"{wrong.seen} is not spelled as it must be",
        SPELLINGS[wrong.context["pattern"]],
    ),
    "string_too_long": lambda wrong: (
        f"the text has {len(wrong.found)} letters",
        f"{wrong.context['max_length']} are the most",
    ),
    "string_too_short": lambda _: ("the text is empty", "write some, or remove the key"),
    "too_short": lambda wrong: ("nothing stands here", f"give at least {wrong.context['min_length']}"),
    "too_long": lambda wrong: (f"{len(wrong.found)} stand here", f"{wrong.context['max_length']} are the most"),
    "literal_error": lambda wrong: (f"`{wrong.written}` is not known", f"write {wrong.context['expected']}, without quotes"),
    "greater_than": _out_of_range,
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
    "value_error": _own_words,
}
