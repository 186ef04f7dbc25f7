"""`${stack.Output}` in a workload's variables, replaced by what the stacks give."""

from __future__ import annotations

from collections.abc import Mapping

from pratique.errors import Refused
from pratique.values.placeholders import fill, stack_outputs

Outputs = Mapping[str, Mapping[str, str]]
"""Stack (as the manifest calls it) → output → value."""


def unresolved(variables: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """The (variable, stack, output) of every stack output that the variables wait for."""
    return tuple((variable, *named) for variable, text in variables.items() for named in stack_outputs(text))


def resolve(variables: Mapping[str, str], outputs: Outputs) -> dict[str, str]:
    """The variables with every stack output filled in; refused with every output that no stack gives.

    An output's value is taken as it is: a placeholder inside it is not looked at.
    """
    reasons = [
        f"variable {variable} wants ${{{stack}.{output}}}, {_known(stack, outputs)}"
        for variable, stack, output in unresolved(variables)
        if output not in outputs.get(stack, {})
    ]
    if reasons:
        raise Refused(*reasons)
    values = {f"{stack}.{output}": value for stack, given in outputs.items() for output, value in given.items()}
    return {variable: fill(text, values) for variable, text in variables.items()}


def _known(stack: str, outputs: Outputs) -> str:
    if stack not in outputs:
        return f"and there is no stack {stack}: known are {', '.join(sorted(outputs)) or 'none'}"
    return f"and stack {stack} has no such output: known are {', '.join(sorted(outputs[stack])) or 'none'}"
