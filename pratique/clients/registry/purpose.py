"""What a request is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purpose:
    """Names a request in messages, and chooses the token that it shows."""

    doing: str
    """In the -ing form: "reading the manifest sha256:…"."""
    repository: str
    write: bool = False
    source: str = ""
    """The other repository, that a blob is mounted from."""

    @property
    def action(self) -> str:
        """What the user must be allowed to do."""
        return "push" if self.write else "pull"

    @property
    def scope(self) -> str:
        """The scope to ask a token for, where the registry's challenge names none."""
        return f"repository:{self.repository}:{'pull,push' if self.write else 'pull'}"
