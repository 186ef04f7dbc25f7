"""Reading bodies: never more of one than is allowed, nor of all at once than fits, nor for longer than a sender needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pratique.errors import Refused, Transient

MOST_AT_ONCE = 64 * 1024**2
"""Bytes of all calls that are being read or answered."""
WITHIN = 10.0
"""Seconds; forges give up on a call after about as long."""


class TooLarge(Refused):
    """The body is longer than the settings allow."""


class TooSlow(Refused):
    """The body did not come in time."""


class Bodies:
    """Counts the bytes that are held."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.held = 0

    async def read(self, chunks: AsyncIterator[bytes], declared: str | None) -> bytes:
        """The body; give it back with `release` once it was answered."""
        if declared is not None and declared.isdigit() and (len(declared) > len(str(10**12)) or int(declared) > self._largest):
            raise self._too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(WITHIN):
                async for chunk in chunks:
                    self._take(body, chunk)
        except TimeoutError:
            self.release(body)
            raise TooSlow(f"the body did not come within {WITHIN:.0f} s") from None
        except BaseException:
            self.release(body)
            raise
        return bytes(body)

    def release(self, body: bytes | bytearray) -> None:
        """What was read is held no longer."""
        self.held -= len(body)

    def _take(self, body: bytearray, chunk: bytes) -> None:
        body += chunk
        self.held += len(chunk)
        if len(body) > self._largest:
            raise self._too_large()
        if self.held > MOST_AT_ONCE:
            raise Transient("more is being received than fits at once")

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body has more than {self._largest} bytes (webhook.largest_body)")
