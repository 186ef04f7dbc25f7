"""Who of the trusted signers a bundle is by: each is tried, and whatever a foreign parser raises is a reason against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from pratique.errors import Invalid, Refused
from pratique.values.digest import Digest
from pratique.values.trust import Trusted, TrustedKey

Found = TypeVar("Found")


def by_anyone(bundle: Digest, trusted: Sequence[Trusted], read: Callable[[Trusted], Found]) -> Found:
    """What `read` finds for the first signer whom it does not refuse; refused with the reason of each, if for none."""
    if not trusted:
        raise Refused(f"bundle {bundle}: nobody is trusted, so nobody's signature counts")
    reasons: list[str] = []
    for signer in trusted:
        try:
            return read(signer)
        except Refused as no:
            reasons.extend(no.reasons)
    raise Refused(f"bundle {bundle} is not signed by anyone trusted", *reasons)


@contextmanager
def asking(signer: Trusted) -> Iterator[None]:
    """Inside, every error and refusal is a reason why the bundle is not this signer's, and names the signer."""
    try:
        yield
    except Invalid:  # names its place already
        raise
    except Refused as no:
        raise Refused(*(f"{named(signer)}: {reason}" for reason in no.reasons)) from None
    except Exception as error:  # noqa: BLE001 - a crafted bundle makes the parsers below sigstore-python raise nearly anything
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise Refused(f"{named(signer)}: {reason}") from None


def named(signer: Trusted) -> str:
    """The signer, as a person would look for it in the settings."""
    if isinstance(signer, TrustedKey):
        return "trusted key" if signer.file is None else f"trusted key {signer.file}"
    return f"trusted identity {signer.identity} of {signer.issuer}"
