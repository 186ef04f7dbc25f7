"""A proof as people read it: in a terminal's tree, and as Markdown beside a run."""

from __future__ import annotations

from collections.abc import Iterator

from pratique.decisions.reports import escaped
from pratique.values.proof import Part, Proof

SOUND, UNSOUND = "verified", "not verified"


def headline(part: Part) -> str:
    """The part in one line: what it is, by whom, when."""
    digest = f" {part.digest[7:19]}" if part.digest else ""
    by = f", signed by {', '.join(part.by)}" if part.by else ""
    at = f", {part.at:%Y-%m-%d %H:%M:%S} UTC" if part.at else ""
    return f"{part.title}{digest}{by}{at}"


def faults(part: Part) -> Iterator[tuple[str, str]]:
    """What is `wrong` with it and what is `missing`, without the parts below; each after that word."""
    yield from (("wrong", one) for one in part.wrong)
    yield from (("missing", one) for one in part.missing)


def proof_report(proof: Proof) -> str:
    """The proof as Markdown: what is wrong first, then every part, indented below what rests on it."""
    verdict = SOUND if proof.verified else UNSOUND
    lines = [f"# {escaped(proof.label)}: {verdict}", ""]
    found = dict.fromkeys(one for part in proof.parts for below in part.walk() for one in faults(below))
    lines += [f"- **{fault}**: {escaped(one)}" for fault, one in found]
    lines += [""] if found else []
    lines += [line for part in proof.parts for line in _lines(part, 0)]
    check = f"`pratique verify {proof.service} --release {proof.release}`"
    export = f"`pratique evidence export {proof.service} FILE --release {proof.release}`"
    return "\n".join([*lines, "", f"Verify it: {check}. Take it with you: {export}.", ""])


def _lines(part: Part, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield f"{indent}- {escaped(headline(part))}"
    for fault, one in faults(part):
        yield f"{indent}  - **{fault}**: {escaped(one)}"
    for one in part.says:
        yield f"{indent}  - {escaped(one)}"
    for below in part.parts:
        yield from _lines(below, depth + 1)
