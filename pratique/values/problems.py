"""Problems between the parts of a value, each reported at the key it belongs to."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]

KEY = "[key]"
"""As a path's last part: the problem is with the key itself, not with its value; pydantic marks invalid keys so."""


class Problems:
    """Collects what a validator finds, so that a reader hears of everything at once."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    def add(self, path: Path, problem: str, remedy: str) -> None:
        """Remember one problem at `path`, relative to the model whose validator collects."""
        words = PydanticCustomError("disagreement", "{problem}: {remedy}", {"problem": problem, "remedy": remedy})
        self._found.append(InitErrorDetails(type=words, loc=path, input=None))

    def require_none(self, title: str) -> None:
        """Raise every problem in one `ValidationError`; pydantic puts the path of an enclosing model in front."""
        if self._found:
            raise ValidationError.from_exception_data(title, self._found)
