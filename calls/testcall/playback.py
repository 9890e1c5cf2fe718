"""What the caller hears: prompts in a queue, played in real time, and what a flush leaves of it.

Pure; the caller of `Playback.next_frame` is the clock: one call for every 20 ms. ``hangup`` and
``transfer`` wait in the same queue behind the prompts that came before them and survive a flush
(reference: order of activities, barge-in).
"""

from collections import deque

import msgspec

from bots.core.activities import Activity
from bots.core.audio import FRAME_MS, Converter
from bots.protocols.ac_bot_api import PlayStarted
from calls.testcall.plan import AXIS, FRAME_BYTES


class Prompt:
    """One play stream on its way to the caller's ear; ``arrived_at`` in seconds."""

    def __init__(self, started: PlayStarted, *, arrived_at: float, barge_in: bool) -> None:
        self.stream_id = started.stream_id
        self.text = started.alt_text or ""
        self.audio = started.media_format.audio
        self.arrived_at = arrived_at
        self.barge_in = barge_in
        self.complete = False
        self.purged = False
        self.heard_ms = 0.0
        self.most_ahead_ms = 0.0
        self.starved_ms = 0.0
        self.fed_at = arrived_at
        self._received_ms = 0.0
        self._first_at = 0.0
        self._converter = Converter(self.audio, AXIS)
        self._pcm = bytearray()

    @property
    def name(self) -> str:
        """What the prompt is called in a sentence."""
        return f'the prompt "{self.text}"' if self.text else f"play stream {self.stream_id!r}"

    @property
    def received_ms(self) -> float:
        """Audio that came, in milliseconds."""
        return self._received_ms

    def push(self, audio: bytes, now: float) -> None:
        """Audio in the stream's format that arrived at ``now``."""
        if not self._received_ms or self._received_ms < (now - self._first_at) * 1000:
            # The sender begins, or begins again after a gap: from here on it can be ahead.
            self._first_at = now - self._received_ms / 1000
        self.fed_at = now
        self._received_ms += self.audio.ms_for_bytes(len(audio))
        ahead_ms = self._received_ms - (now - self._first_at) * 1000
        self.most_ahead_ms = max(self.most_ahead_ms, ahead_ms)
        if not self.purged:
            self._pcm += self._converter.push(audio)

    def purge(self) -> None:
        """Nothing more of it is to be heard, whatever still comes."""
        self.purged = True
        self._pcm.clear()

    def stop(self) -> None:
        """No more audio will come."""
        if not self.complete:
            self.complete = True
            self._pcm += self._converter.flush()

    def take(self, size: int) -> bytes:
        """Up to ``size`` bytes of what is to be heard next."""
        out = bytes(self._pcm[:size])
        del self._pcm[:size]
        self.heard_ms += AXIS.ms_for_bytes(len(out))
        return out

    @property
    def waiting(self) -> bool:
        """Nothing is left to be heard now."""
        return not self._pcm


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """One frame at the caller's ear and what began, ended and fell due in it."""

    pcm: bytes
    began: tuple[Prompt, ...] = ()
    finished: tuple[Prompt, ...] = ()
    due: Activity | None = None


class Playback:
    """The queue of one call."""

    def __init__(self) -> None:
        self._queue: deque[Prompt | Activity] = deque()
        self._open: Prompt | None = None

    @property
    def current(self) -> Prompt | None:
        """The prompt that is being heard or comes next."""
        head = self._queue[0] if self._queue else None
        return head if isinstance(head, Prompt) else None

    @property
    def open(self) -> Prompt | None:
        """The prompt whose play stream has not been stopped."""
        return self._open

    @property
    def pending(self) -> Activity | None:
        """The activity that waits for the prompts before it."""
        return next((item for item in self._queue if isinstance(item, Activity)), None)

    @property
    def busy(self) -> bool:
        """Whether anything is still to be heard, to be done or to arrive."""
        return bool(self._queue) or self._open is not None

    def start(self, prompt: Prompt) -> None:
        """A play stream was opened."""
        self._open = prompt
        self._queue.append(prompt)

    def push(self, audio: bytes, now: float) -> None:
        """Audio of the open play stream; forgotten when the stream was flushed."""
        if self._open is not None:
            self._open.push(audio, now)

    def stop(self) -> Prompt | None:
        """The open play stream was stopped, or its socket is gone."""
        stopped, self._open = self._open, None
        if stopped is not None:
            stopped.stop()
        return stopped

    def queue(self, activity: Activity) -> None:
        """Let ``activity`` fall due behind the prompts that came before it."""
        self._queue.append(activity)

    def flush(self) -> Prompt | None:
        """Silence at once: drop all prompts and the rest of the open one; answers what was cut."""
        cut = next((item for item in self._queue if isinstance(item, Prompt)), None)
        for item in self._queue:
            if isinstance(item, Prompt):
                item.purge()
        self._queue = deque(item for item in self._queue if not isinstance(item, Prompt))
        return cut

    def next_frame(self, *, acting: bool) -> Heard:
        """The next 20 ms, silence where there is nothing to hear.

        ``acting`` False: activities cannot be carried out and hold up what is behind them.
        """
        pcm = b""
        began: list[Prompt] = []
        finished: list[Prompt] = []
        due: Activity | None = None
        while self._queue and due is None and len(pcm) < FRAME_BYTES:
            head = self._queue[0]
            if not isinstance(head, Prompt):
                if not acting:
                    break
                due = head
                self._queue.popleft()
                continue
            new = head.heard_ms == 0
            piece = head.take(FRAME_BYTES - len(pcm))
            if new and piece:
                began.append(head)
            pcm += piece
            if not (head.complete and head.waiting):
                break
            finished.append(head)
            self._queue.popleft()
        current = self.current
        if len(pcm) < FRAME_BYTES and current is not None and current.heard_ms:
            current.starved_ms += FRAME_MS - AXIS.ms_for_bytes(len(pcm))
        return Heard(
            pcm=pcm.ljust(FRAME_BYTES, b"\0"),
            began=tuple(began),
            finished=tuple(finished),
            due=due,
        )
