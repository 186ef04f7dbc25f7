"""What a module of a policy is for, and what in it could make its answer depend on anything but the input.

The engine takes an unknown variable for undefined, and a rule that mentions one silently says nothing: a typing slip in a
`deny` would let everything through. So every name has to be declared: by `some`, `every`, `:=`, as a parameter, by an import,
or as a rule of the gate. A module reads `input` and the rules of its own gate, and nothing of another's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pratique.decisions.rego_names import BUILTINS, KEYWORDS, OUTSIDE, unknown_field
from pratique.decisions.rego_tokens import Token, tokens_of
from pratique.errors import Invalid, Problem
from pratique.values.gate import Module
from pratique.values.names import Name

_PACKAGE = re.compile(r"pratique\.gates\.([a-z](?:_?[a-z0-9])*)")
_TEST = "_test"
_PRELUDE = ("rego.v1", "future.keywords")
LONGEST_NAME = 40
LARGEST_MODULE = 256 * 1024
"""Characters."""

Chunk = Sequence[Token]


@dataclass(frozen=True, slots=True)
class Reading:
    """One module, as far as it has to be understood before it is evaluated."""

    module: Module
    package: str
    gate: Name
    """The package's last name, its underscores as hyphens; of a test, that of the gate it tests."""
    is_test: bool
    rules: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    """The words and signs of the package, of each import and of each rule."""


def read_module(module: Module) -> Reading:
    """The module's gate and rules; `Invalid` where it belongs to none."""
    if len(module.text) > LARGEST_MODULE:
        raise Invalid(module.path, f"is longer than {LARGEST_MODULE} characters", "split it")
    chunks = _chunks(tokens_of(module.path, module.text))
    package = _path_of(chunks[0][1:]) if chunks and chunks[0][0].text == "package" else ""
    found = _PACKAGE.fullmatch(package)
    if found is None or len(found[1].removesuffix(_TEST)) > LONGEST_NAME:
        raise Invalid(module.path, f"declares {package or 'no package'}", "begin it with: package pratique.gates.<gate>")
    is_test = found[1].endswith(_TEST)
    if is_test != module.path.endswith("_test.rego"):
        raise Invalid(module.path, f"declares {package}", "tests, and only they, are in *_test.rego and in <gate>_test")
    rules = tuple(dict.fromkeys(chunk[chunk[0].text == "default"].text for chunk in chunks[1:] if _is_rule(chunk)))
    gate = found[1].removesuffix(_TEST).replace("_", "-")
    return Reading(module, package, gate, is_test, rules, tuple(chunks))


def problems_in(reading: Reading, rules: Collection[str]) -> tuple[Problem, ...]:
    """Everything in the module that may not be there; `rules` are those of all modules of its package."""
    problems: list[Problem] = []
    imported = {chunk[-1].text for chunk in reading.chunks if chunk[0].text == "import"}
    for chunk in reading.chunks[1:]:
        known = {*rules, *imported, *_declared(chunk)}
        for line, problem, remedy in _problems(reading, chunk, known):
            problems.append(Problem(f"{reading.module.path}:{line}", problem, remedy))
    return tuple(dict.fromkeys(problems))


def _problems(reading: Reading, chunk: Chunk, known: Collection[str]) -> Iterator[tuple[int, str, str]]:
    is_import = chunk[0].text == "import"
    # rego-cpp 1.5.2 says that 3600 % 60 is 00, which is not 0.
    yield from (
        (token.line, "the engine's % is wrong for round numbers", "write x - floor(x / y) * y")
        for token in chunk
        if token.text == "%"
    )
    yield from (
        (
            token.line,
            "the engine gets a call in the head of a comprehension wrong",
            "name what it gives in the body first",
        )
        for number, token in enumerate(chunk)
        if token.text == "|" and any(one.text == "(" for one in chunk[_opening(chunk, number - 1, inside=True) : number])
    )
    yield from (
        (token.line, "`with input as` breaks the engine", "replace its fields: with input.environment.holds as …")
        for token, input_, as_ in zip(chunk, chunk[1:], chunk[2:], strict=False)
        if (token.text, input_.text, as_.text) == ("with", "input", "as")
    )
    for number, token in enumerate(chunk):
        before = chunk[number - 1].text if number else ""
        # `import … as name` ends with a name of its own.
        if token.kind != "word" or before == "." or token.text == "_" or (is_import and before != "import"):
            continue
        path = _path_of(chunk[number:])
        if is_import and (path in _PRELUDE or path.startswith("future.keywords.")):
            continue
        yield from _about(reading, token, path, known, is_called=_is_called(chunk, number))


def _about(
    reading: Reading, token: Token, path: str, known: Collection[str], *, is_called: bool
) -> Iterator[tuple[int, str, str]]:
    names = path.split(".")
    if token.text in OUTSIDE:
        yield token.line, f"{path} depends on more than the input", "decide on the input alone"
    elif token.text == "data":
        own = reading.package.removesuffix(_TEST) if reading.is_test else reading.package
        if names[:4] != ["data", *own.split(".")]:
            yield token.line, f"{path} is not of this gate", f"read input, and data.{own}"
    elif token.text == "input":
        if field := unknown_field(tuple(names[1:])):
            yield token.line, f"no input has {field!r} ({path})", "see docs/policy-input.schema.json"
    elif is_called and token.text not in (*KEYWORDS, "set") and path not in BUILTINS and token.text not in known:
        yield token.line, f"there is no function {path}", "see docs/policies.md for those that there are"
    elif is_called and token.text == "contains":
        return
    elif not is_called and token.text not in KEYWORDS and token.text not in known:
        yield token.line, f"nothing declares {token.text!r}", "declare it by some, every or :=, or as a rule of the gate"


def _chunks(tokens: Iterable[Token]) -> list[Chunk]:
    """The package, each import and each rule, without line ends."""
    chunks: list[list[Token]] = []
    depth, begins = 0, True
    for token in tokens:
        if token.kind == "newline":
            begins = begins or depth == 0
            continue
        # An `else` belongs to the rule above it, wherever it stands.
        if begins and depth == 0 and token.text not in ("else", "}"):
            chunks.append([])
        begins = False
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "sign" else 0
        if chunks:
            chunks[-1].append(token)
    return [tuple(chunk) for chunk in chunks]


def _is_rule(chunk: Chunk) -> bool:
    return chunk[0].text != "import" and len(chunk) > (chunk[0].text == "default")


def _path_of(tokens: Chunk) -> str:
    """The dotted name that the tokens begin with; `x["y"]` is `x.y`."""
    names, rest = [tokens[0].text] if tokens else [], list(tokens[1:])
    while len(rest) > 1:
        if rest[0].text == "." and rest[1].kind == "word":
            names.append(rest[1].text)
            rest = rest[2:]
        elif rest[0].text == "[" and rest[1].kind == "text" and not rest[0].is_after_space:
            names.append(rest[1].text[1:-1])
            rest = rest[3:]
        else:
            break
    return ".".join(names)


def _is_called(chunk: Chunk, number: int) -> bool:
    """Whether the name that begins there is followed by `(` on its line."""
    position = number + 1
    while position + 1 < len(chunk) and chunk[position].text == "." and chunk[position + 1].kind == "word":
        position += 2
    return position < len(chunk) and chunk[position].text == "(" and chunk[position].line == chunk[position - 1].line


def _declared(chunk: Chunk) -> set[str]:
    """The variables of one rule."""
    found: set[str] = set()
    if len(chunk) > 1 and chunk[1].text == "(":
        found |= _words(chunk[2 : _closing(chunk, 1)])
    for number, token in enumerate(chunk):
        if token.kind == "word" and token.text in ("some", "every"):
            ends = (at for at in range(number + 1, len(chunk)) if chunk[at].text == "in" or chunk[at].line > token.line)
            found |= _words(chunk[number + 1 : next(ends, len(chunk))])
        elif token.text == ":=" and number:
            before = chunk[number - 1]
            begins = _opening(chunk, number - 1) if before.text in ("]", "}") else number - 1
            found |= _words(chunk[begins:number])
    return found


def _words(tokens: Chunk) -> set[str]:
    return {token.text for token in tokens if token.kind == "word"} - KEYWORDS


def _closing(chunk: Chunk, opening: int) -> int:
    depth = 0
    for number in range(opening, len(chunk)):
        depth += (chunk[number].text in ("(", "[", "{")) - (chunk[number].text in (")", "]", "}"))
        if depth == 0:
            return number
    return len(chunk)


def _opening(chunk: Chunk, closing: int, *, inside: bool = False) -> int:
    """Where the bracket opens that closes there; or, from `inside`, the one around."""
    depth = 1 if inside else 0
    for number in range(closing, -1, -1):
        depth += (chunk[number].text in (")", "]", "}")) - (chunk[number].text in ("(", "[", "{"))
        if depth == 0:
            return number
    return 0
