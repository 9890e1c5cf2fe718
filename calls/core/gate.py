"""The gate between the caller and whoever recognises their speech."""

from bots.core.params.sections.barge_in import BargeIn
from calls.core import commands
from calls.core.callee import Callee
from calls.core.caller import CallerSide
from calls.core.floor import Floor
from calls.core.life import Life
from calls.core.outbox import Outbox
from calls.core.phases import WITH_BOT, Phase
from calls.core.prompts import PromptQueue
from calls.core.scopes import Scopes


class Gate:
    """Open while the caller is listened to, or while it is to be found out what answered."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        floor: Floor,
        queue: PromptQueue,
        caller: CallerSide,
        callee: Callee,
        life: Life,
        audio: bool,
    ) -> None:
        self.open = False
        self._params = params
        self._out = out
        self._floor = floor
        self._queue = queue
        self._caller = caller
        self._callee = callee
        self._life = life
        self._audio = audio

    def settle(self, now: float) -> None:
        """After every event: open or shut it."""
        talking = self._life.phase is Phase.TALKING
        wanted = talking and self._life.accepted and self._takes_input()
        if wanted != self._floor.listening:
            self._floor.listening = wanted
            if not wanted:
                self._caller.gate_shut(now, deliver=self._life.phase in WITH_BOT)
        wanted = wanted or (talking and self._callee.unknown)
        if wanted != self.open:
            self.open = wanted
            self._out.emit(commands.Listen(wanted))

    def _takes_input(self) -> bool:
        playing = self._queue.playing
        barge_in = self._params[BargeIn].barge_in
        if not self._audio:
            barge_in = True  # the voice side sees to it
        elif playing is not None:
            barge_in = playing.interruptible
        more = self._queue.prompts_wait
        return self._floor.takes_input(playing, barge_in=barge_in, more=more)
