"""Where the caller's audio of one call goes: to the recogniser, or to a bot that hears."""

from collections.abc import Callable, Coroutine
from typing import Any

from bots.core.params.sections.speech import Speech
from calls.core.events import Event
from calls.core.ports import VoiceLeg
from calls.session.bot import BotLine
from calls.session.ear import Ear
from calls.session.plugins import CallPlugins
from calls.telemetry.frames import Frames


class Hearing:
    """Every method returns at once; ``leg`` is the one that the call has by now."""

    def __init__(
        self,
        plugins: CallPlugins,
        bot: BotLine,
        *,
        leg: Callable[[], VoiceLeg],
        kept_back: Callable[[], bool],
        report: Callable[[Event], None],
        frames: Frames,
    ) -> None:
        self._plugins = plugins
        self._bot = bot
        self._leg = leg
        self._kept_back = kept_back
        self._report = report
        self._frames = frames
        self._listening = False
        self._ear: Ear | None = None

    def open(self, settings: Speech) -> Coroutine[Any, Any, None] | None:
        """Have a recogniser for the audio that is about to come; answers its task, once.

        None: it has one, the bot hears itself, or there is no recogniser.
        """
        if self._ear is not None or self._plugins.stt is None or self._bot.hears:
            return None
        self._ear = Ear(
            stt=self._plugins.stt,
            vad=self._plugins.vad,
            settings=settings,
            phrases=self._plugins.connector.phrases(),
            source=self._leg().caller_audio,
            shown=self._leg,
            kept_back=self._kept_back,
            report=self._report,
            frames=self._frames,
        )
        self._ear.listen(on=self._listening)
        return self._ear.run()

    def push(self, audio: bytes) -> None:
        """A piece of the caller's audio, in the leg's format."""
        if self._ear is not None:
            self._ear.push(audio)
        else:
            self._bot.hear(audio)

    def listen(self, *, on: bool) -> None:
        """Whether the caller is listened to."""
        self._listening = on
        self._bot.listen(on=on)
        if self._ear is not None:
            self._ear.listen(on=on)

    def use(self, settings: Speech) -> None:
        """These settings from here on."""
        if self._ear is not None:
            self._ear.use(settings)
