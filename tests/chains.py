"""Everything that an exception could tell whoever prints it: its own text and that of all it holds."""

from __future__ import annotations

import traceback


def all_that_it_says(error: BaseException) -> str:
    """Texts, arguments, attributes and notes of the exception and of every other one in its chain, suppressed ones too."""
    texts: list[str] = []
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        texts += traceback.format_exception_only(current)
        texts += [str(current), repr(current), repr(current.args), repr(vars(current))]
        waiting += [other for other in (current.__cause__, current.__context__) if other is not None]
    return "\n".join(texts)
