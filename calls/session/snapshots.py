"""The effective configuration of calls as it is recorded: every value with its origin, once."""

import hashlib

import msgspec

from bots.core.params.resolve import Resolved
from calls.facts import EffectiveValues

_KEPT = 64
_encode = msgspec.json.Encoder(order="sorted").encode


class Snapshots:
    """Makes the snapshot of a configuration; the same one again costs nothing."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Resolved, EffectiveValues]] = {}

    def of(self, bot: str, resolved: Resolved) -> EffectiveValues:
        """The values in force when a call to ``bot`` begins, secrets masked."""
        known = self._made.get(bot)
        if known is not None and known[0] is resolved:
            return known[1]
        values = {
            name: [value, resolved.origin(name).name] for name, value in resolved.values().items()
        }
        digest = hashlib.sha256(_encode(values)).hexdigest()
        made = EffectiveValues(digest=digest, values=values)
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made[bot] = (resolved, made)
        return made
