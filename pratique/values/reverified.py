"""What somebody who looked again found where a release is."""

from __future__ import annotations

from pratique.values._base import Value
from pratique.values.names import Name
from pratique.values.promotion import Promotion


class Reverified(Value):
    """One environment, looked at again by today's policies and keys."""

    service: Name
    environment: Name
    held: Promotion
    """What was granted there last."""
    reasons: tuple[str, ...] = ()
    """What speaks against the release today: it is revoked for these."""
    astray: tuple[str, ...] = ()
    """What does not run as it was granted, which is not the release's fault."""
    excepted: tuple[str, ...] = ()
    """What was passed over, by signed exceptions."""
    scanned: tuple[str, ...] = ()
    """Of each image: what a scan found, or why none was made."""
    unknown: str = ""
    """Why nothing could be found out; empty where everything was."""
    revoked: bool = False
    """Whether the release was revoked for it now."""

    @property
    def is_well(self) -> bool:
        return not (self.reasons or self.astray or self.unknown)
