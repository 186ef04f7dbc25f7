"""YAML text as PyYAML's nodes: bounded while it is read, its complaints in words that say what to do."""

from __future__ import annotations

from typing import Final

import yaml

from pratique.errors import Invalid

MOST_NODES: Final = 20_000
"""Values and keys together; with aliases expanded, too, once they are read into values."""
MOST_DEPTH: Final = 24

_WORDS = {
    "'\\t'": ("a tab stands where YAML wants spaces", "indent with spaces"),
    "expected a single document": ("a second document starts here", "keep one document, without `---` in between"),
    "undefined alias": ("an alias names no anchor before it", "put text that starts with * in quotes"),
    "duplicate anchor": ("an anchor is defined twice", "put text that starts with & in quotes"),
    "is too deep": (f"the file is nested more than {MOST_DEPTH} levels deep", "docs/manifest.md shows what goes where"),
    "is too large": (f"the file holds more than {MOST_NODES:,} values", "split the service"),
    "cannot start any token": ("text starts with a sign that means something in YAML", "put the text in quotes"),
    "mapping values are not allowed": (
        "`: ` stands where no key can be",
        "align the line with those above, or put text with `: ` in quotes",
    ),
    "expected ',' or": ("a bracket or brace is not closed, or text holds one", "close it, or put the text in quotes"),
    "could not find expected ':'": ("a key has no colon", "write `key: value`"),
    "expected <block end>": ("the indentation does not fit the lines above", "align keys and `-` of one level"),
    "quoted scalar": ("a quote is not closed, or a backslash escapes nothing", "close it, or use single quotes"),
}
"""What PyYAML complains of, by a part of its text, as problem and remedy."""


class _Composer(yaml.SafeLoader):
    """PyYAML's safe loader, which stops at too many or too deep nodes while it reads, not afterwards."""

    nodes = 0
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MOST_NODES or self.depth > MOST_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # types-pyyaml leaves it bare
            problem = "is too deep" if self.depth > MOST_DEPTH else "is too large"
            raise yaml.composer.ComposerError(None, None, problem, mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def compose(text: str, place: str) -> yaml.Node | None:
    """The root of the one document in `text`, None where it holds nothing; `Invalid`, naming `place`, for anything else."""
    try:
        loader = _Composer(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Invalid(f"{place}:{line}", "the file holds a control character", "remove it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise Invalid(where, *_words(f"{error.context or ''} {error.problem or ''}")) from None
    except (yaml.YAMLError, ValueError, OverflowError):
        # An escape such as "\UFFFFFFFF" leaves PyYAML as a ValueError without a mark.
        raise Invalid(place, "the file is not YAML", "look for an escape that names no character") from None


def _words(complaint: str) -> tuple[str, str]:
    """PyYAML's complaint as problem and remedy."""
    for sign, words in _WORDS.items():
        if sign in complaint:
            return words
    return f"the file is not YAML: {' '.join(complaint.split())}", "look at indentation, colons and quotes on this line"
