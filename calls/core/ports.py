"""Ports of the voice side: what a leg looks like to the session that drives a call."""

from typing import Protocol

import msgspec

from bots.core.activities import Activity, Json
from bots.core.audio import AudioFormat
from calls.core.dialout import DialoutOrder

TEST_CALLER = "voice-ai-gateway-testcall"
"""User-Agent of ``manage.py testcall``; its calls are marked as tests in the records."""

PASSED_ON = "X-Gateway-Client"
"""Header of a socket that one process of the gateway passes on to another: whose it is."""


class LegCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a voice leg carries.

    ``audio``: False for a text session; then the peer recognises, speaks and runs the caller's
    timers itself, and a prompt counts as played once it was handed over.
    """

    audio: bool


class CallStart(msgspec.Struct, frozen=True, kw_only=True):
    """How a call arrived, as the voice side told it."""

    conversation_id: str
    channel: str
    caller: str = ""
    callee: str = ""
    is_test: bool = False
    direction: str = "inbound"
    announced: bool = False
    """The voice side will still send its own ``start`` activity."""
    sip_headers: dict[str, tuple[str, ...]] = {}
    """Headers of the INVITE by name, as far as the voice side tells them."""
    dialout: DialoutOrder | None = None
    """Set for an outbound call. Its leg's ``accept`` has it placed, and the ``start`` activity
    (`calls.core.events.CallStarted`) comes when the callee has answered."""


class VoiceLeg(Protocol):
    """One call's connection to its voice side; every method returns at once and never raises.

    What the voice side does arrives at the session (`calls.session.call.CallSession`), so a leg
    holds no queue and no task.
    """

    capabilities: LegCapabilities
    caller_audio: AudioFormat
    """Format of the caller's audio as it is given to ``hear``."""
    prompt_audio: AudioFormat
    """Format of the audio that ``play`` takes."""

    media: str
    """The voice side's own name for these formats; a new connection of the call takes it over."""

    def accept(self) -> None:
        """Take the call; an outbound one: have it placed, the bot is there."""
        ...

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        """End the call at the voice side, or refuse it when it was not taken yet.

        ``sip_headers``, each with ``name`` and ``value``, go into the message that ends it.
        """
        ...

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        """Open the play stream of a prompt; its audio follows."""
        ...

    def play(self, utterance: int, audio: bytes) -> None:
        """Send audio of the open prompt, paced by the caller of this method."""
        ...

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        """Close the play stream; ``interrupted``: what is in flight is to be dropped."""
        ...

    def send(self, activity: Activity) -> None:
        """Hand an activity (message, transfer, config ...) to the voice side."""
        ...

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        """Tell the voice side what was recognised."""
        ...

    def show_voice(self, *, speaking: bool) -> None:
        """Tell the voice side that the caller began or stopped to speak."""
        ...

    def close(self) -> None:
        """Let the connection go; safe to call twice."""
        ...
