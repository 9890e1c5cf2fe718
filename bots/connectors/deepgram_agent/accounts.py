"""How many sessions each API key has in this process, and whether it may have another."""

import asyncio
import hashlib

from bots.core.errors import Fault, ServiceError

SERVICE = "bot:deepgram-agent"
PAUSE_S = 1.0
"""How long nobody asks after Deepgram had no session left."""


class Account:
    """One API key at one address."""

    def __init__(self) -> None:
        self.in_use = 0
        self._paused_until = 0.0

    def enter(self, most: int) -> None:
        """Take one of ``most`` places; `leave` gives it back.

        Raises:
            ServiceError: all are taken, or Deepgram has just said that it has none.
        """
        if self.in_use >= most:
            detail = (
                f"Deepgram: all {most} sessions of this API key are in use (deepgramConcurrency)"
            )
            raise ServiceError(SERVICE, Fault.RATE_LIMIT, detail)
        if asyncio.get_running_loop().time() < self._paused_until:
            detail = "Deepgram had no session left a moment ago (HTTP 429)"
            raise ServiceError(SERVICE, Fault.RATE_LIMIT, detail)
        self.in_use += 1

    def leave(self) -> None:
        """Give the place back."""
        self.in_use -= 1

    def pause(self) -> None:
        """Deepgram has no session left; calls that come right after do not ask for one."""
        self._paused_until = asyncio.get_running_loop().time() + PAUSE_S


_accounts: dict[str, Account] = {}


def account(url: str, key: str) -> Account:
    """The account of ``key`` at ``url``."""
    name = hashlib.sha256(f"{url}\n{key}".encode()).hexdigest()
    return _accounts.setdefault(name, Account())
