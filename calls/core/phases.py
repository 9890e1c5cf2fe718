"""The phases of a call, in the order in which it goes through them."""

from enum import Enum, auto


class Phase(Enum):
    """Where the call is in its life."""

    NEW = auto()
    JOINING = auto()
    """The bot is being connected."""
    STARTING = auto()
    """The bot is there and the call accepted; the voice side's ``start`` is awaited."""
    RINGING = auto()
    """The bot is there and an outbound call was placed; its answer is awaited."""
    TALKING = auto()
    TRANSFERRING = auto()
    """The call is being moved, and the bot stays to hear whether it was."""
    FAILING = auto()
    """A service failed; the activities configured for that are carried out, without the bot."""
    CLOSING = auto()
    """A hang-up or a transfer was sent; the voice side's word is awaited."""
    ENDING = auto()
    """Over; the last prompt's heard position is awaited, so that the transcript is exact."""
    ENDED = auto()


WITH_BOT = frozenset({Phase.STARTING, Phase.RINGING, Phase.TALKING, Phase.TRANSFERRING})
ESTABLISHED = WITH_BOT | {Phase.FAILING}
BEFORE_CLOSING = ESTABLISHED | {Phase.JOINING}
