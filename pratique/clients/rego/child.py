"""The process that evaluates: it reads one question, answers it, and ends.

It is started as a file, not as a module of the package: what it imports is what it costs, 35 ms in all, and the less a policy
could find here, the better. Its environment is empty, its memory and its time are bounded, and what the engine writes to
standard output (compilation errors) goes nowhere: the answer leaves by a file of its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Answer standard input: `{"cpu", "place", "input", "questions": [{"modules": [[path, text]], "query"}]}`."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    question = json.load(sys.stdin.buffer)
    # SIGXCPU comes at the soft limit, SIGKILL at the hard one: so a SIGKILL that comes first is somebody else's.
    resource.setrlimit(resource.RLIMIT_CPU, (question["cpu"], question["cpu"] + 5))
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    sys.path.append(question["place"])
    try:
        import regopy  # noqa: F401, PLC0415  # once the limits hold
    except (ImportError, OSError) as missing:
        answers: object = {"missing": str(missing)}
    else:
        answers = answers_to(question["questions"], question["input"])
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(answers, out)


def answers_to(
    questions: list[dict[str, Any]], document: object, compiled: Callable[[list[list[str]], str], Any] | None = None
) -> list[dict[str, Any]]:
    """For each question what the engine finds for `answer` in its query, as `{"found": …}`; or `{"fault": …}`, in its words.

    Each has an engine of its own, so that no gate sees another, and no answer depends on an earlier one. `compiled` is for
    who asks the same of many documents, and keeps what `compile_query` gave.
    """
    from regopy import Input  # noqa: PLC0415  # once the limits hold

    told = Input(escaped(document))
    return [_answer(compiled or compile_query, question, told) for question in questions]


def compile_query(modules: list[list[str]], query: str) -> tuple[Any, Any]:
    """An engine, and what it has made of the query over these modules (path and text of each)."""
    from regopy import Interpreter  # noqa: PLC0415  # once the limits hold

    engine = Interpreter()
    # An error in a built-in is an error, and not undefined: in a `deny` that would silently say nothing.
    engine.strict_built_in_errors = True
    for path, text in modules:
        engine.add_module(path, text)
    return engine, engine.build(query)


def escaped(value: Any) -> Any:
    """The value with its texts as JSON spells them, which is how the engine holds them.

    It escapes none by itself: a quotation mark in a text would end the text, and the rest of it would be more of the document.
    """
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)[1:-1]
        case dict():
            return {escaped(name): escaped(one) for name, one in value.items()}
        case list():
            return [escaped(one) for one in value]
        case _:
            return value


def _answer(compiled: Callable[[list[list[str]], str], Any], question: dict[str, Any], told: Any) -> dict[str, Any]:
    from regopy import RegoError  # noqa: PLC0415  # once the limits hold

    try:
        engine, bundle = compiled(question["modules"], question["query"])
        engine.set_input(told)
        output = engine.query_bundle(bundle)
        if not output.ok():
            return {"fault": "a rule has two values, or a built-in was given what it does not take"}
        return {"found": output.results[0].bindings["answer"]}
    except RegoError as error:
        return {"fault": str(error)}
    except (ValueError, KeyError, IndexError):
        # What the engine cannot evaluate it answers with text that is no JSON.
        return {"fault": "the engine cannot evaluate it: is there a rule that leads back to itself?"}


if __name__ == "__main__":
    main()
