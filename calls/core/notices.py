"""What the bot asked to be told beside the caller's turns (``sendEventsToBot``)."""

from collections.abc import Callable

from bots.core.activities import Activity
from bots.core.params.sections.bot_events import BotEvents
from calls.core import events, vocabulary
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers


class Notices:
    """Sends the events that are asked for; ``tell`` delivers one to the bot."""

    def __init__(self, params: Scopes, timers: Timers, tell: Callable[[Activity], None]) -> None:
        self._params = params
        self._timers = timers
        self._tell = tell
        self._voice = False
        """The last word on the caller's voice."""
        self._pending: bool | None = None

    def wants(self, name: str) -> bool:
        """Whether the bot asked for the event ``name``."""
        return name in self._params[BotEvents].send_events_to_bot

    def send(self, activity: Activity) -> None:
        """Tell the bot, if it asked for this event."""
        if self.wants(activity.name or ""):
            self._tell(activity)

    def hypothesis(self, event: events.CallerSaid) -> None:
        """Interim text of the caller."""
        if self.wants("speechHypothesis"):
            self._tell(vocabulary.hypothesis(event))

    def voice_began(self, now: float) -> None:
        """The caller's voice began."""
        period_ms = self._params[BotEvents].speech_activity_voice_period_ms
        self._expect(now + period_ms / 1000, now, voice=True)

    def voice_ended(self, at: float, now: float) -> None:
        """The caller's voice ended at ``at``, which is known ``now``."""
        period_ms = self._params[BotEvents].speech_activity_silence_period_ms
        self._expect(at + period_ms / 1000, now, voice=False)

    def _expect(self, due: float, now: float, *, voice: bool) -> None:
        self._timers.stop(Timer.VOICE_EVENT)
        self._pending = None
        if not self._params[BotEvents].enable_speech_detection_event or voice == self._voice:
            return  # not wanted; or a gap, or a noise, too short to be told
        self._pending = voice
        if due <= now:
            self.expired()
        else:
            self._timers.start(Timer.VOICE_EVENT, due)

    def expired(self) -> None:
        """Voice or silence has lasted long enough."""
        if self._pending is None:
            return
        self._voice, self._pending = self._pending, None
        self.send(vocabulary.voice_activity(voice=self._voice))
