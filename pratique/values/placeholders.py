"""Placeholders: `${environment}`, `${commit}` and `${stack.Output}` inside the texts of a manifest.

There is no escape: a text that needs a literal `${` belongs into the image or into a secret, neither of which is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

ENVIRONMENT = "${environment}"
COMMIT = "${commit}"

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_OUTPUT = re.compile(r"(?P<stack>[a-z][a-z0-9-]*)\.(?P<output>[A-Za-z0-9]{1,255})")
"""An output's logical name is alphanumeric (AWS CloudFormation, Outputs section)."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with every placeholder that `values` has a key for replaced; others stay. Values are not looked into again."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def stack_outputs(text: str) -> tuple[tuple[str, str], ...]:
    """The (stack, output) that each `${stack.Output}` in `text` names."""
    matches = (_OUTPUT.fullmatch(inside) for inside in _PLACEHOLDER.findall(text))
    return tuple((match["stack"], match["output"]) for match in matches if match)


def placeholder_problem(text: str, known: Collection[str], stacks: Collection[str] = ()) -> str | None:
    """What is wrong with the placeholders of `text`, or None.

    `known` are the names that may stand between the braces, `stacks` those whose outputs may.
    """
    for start in re.finditer(r"\$\{", text):
        closed = _PLACEHOLDER.match(text, start.start())
        if closed is None:
            return "`${` is not closed by `}`"
        inside = closed[1]
        output = _OUTPUT.fullmatch(inside)
        if inside not in known and (output is None or output["stack"] not in stacks):
            return f"nothing is known as {closed[0]} here"
    return None
