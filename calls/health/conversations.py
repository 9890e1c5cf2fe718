"""Calls that go on, looked at from outside: one side is not heard, or they never end."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from alarms import desk
from alarms.core.catalogue import AUDIO_UNHEARD, CALL_NOT_ENDED, NO_CALLER_AUDIO
from alarms.core.declare import AlarmType
from calls.core.silence import DEAF_S, Verdict, bot_heard, caller_heard, is_overdue
from calls.session.call import CallSession


class SilentCalls:
    """Tells once of each call, and again when it turns out otherwise; `look` now and then."""

    def __init__(self) -> None:
        self._told: dict[tuple[UUID, str], Verdict] = {}

    def look(self, sessions: Sequence[CallSession], now: float) -> None:
        """Judge every call at ``now`` on the clock of the event loop."""
        living = {session.call_id for session in sessions}
        self._told = {key: told for key, told in self._told.items() if key[0] in living}
        for session in sessions:
            watched = session.watched
            hears, heard = caller_heard(watched.stream, now), bot_heard(watched.sound(session.leg))
            nothing_came = f"nothing came for {DEAF_S:.0f} s in a call of bot {watched.bot}"
            unplayed = f"nothing of what was sent in a call of bot {watched.bot} was played"
            self._tell(NO_CALLER_AUDIO, session, hears, nothing_came)
            self._tell(AUDIO_UNHEARD, session, heard, unplayed)

    def _tell(
        self, kind: AlarmType, session: CallSession, verdict: Verdict | None, detail: str
    ) -> None:
        key = (session.call_id, kind.name)
        if verdict is None or self._told.get(key) == verdict:
            return
        self._told[key] = verdict
        if verdict == "broken":
            desk.failed(kind, session.start.channel, detail)
        else:
            desk.worked(kind, session.start.channel)


class EndlessCalls:
    """Tells of the bots whose calls go on for longer than they should; `look` now and then."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def look(self, sessions: Sequence[CallSession], now: float) -> None:
        """Judge every call at ``now`` on the clock of the event loop."""
        found: dict[str, list[float]] = defaultdict(list)
        for session in sessions:
            watched = session.watched
            if is_overdue(lasted_s := now - watched.began, watched.permitted_s):
                found[watched.bot].append(lasted_s)
        for bot, lasted in found.items():
            longest = str(timedelta(seconds=round(max(lasted))))
            count = f"{len(lasted)} calls" if len(lasted) > 1 else "1 call"
            desk.holds(CALL_NOT_ENDED, bot, f"{count}, the longest for {longest} h")
        for bot in self._told - found.keys():
            desk.over(CALL_NOT_ENDED, bot)
        self._told = frozenset(found)
