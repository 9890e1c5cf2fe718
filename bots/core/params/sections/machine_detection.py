"""By what a machine that answers an outbound call is told from a person."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import DIALER_SETTABLE, Param, ParamSet

_param = partial(Param, levels=DIALER_SETTABLE, source="gateway")

PHRASES = (
    "leave a message",
    "leave me a message",
    "leave your message",
    "after the tone",
    "after the beep",
    "at the tone",
    "voicemail",
    "voice mail",
    "answering machine",
    "take your call",
    "nach dem Signalton",
    "nach dem Ton",
    "nach dem Piep",
    "Nachricht hinterlassen",
    "hinterlassen Sie",
    "Anrufbeantworter",
    "Mailbox",
    "persönlich nicht erreichbar",
)
"""Words of announcements in English and German that people hardly say when they pick up."""


class MachineDetection(ParamSet):
    """What answered an outbound call whose request has machineDetection (6.11.2).

    Whoever answers is taken for a person until there is evidence of a machine: the conversation
    begins at once. A machine's greeting is long, has many words, or gives itself away by a phrase.
    A person's is short and followed by silence.
    """

    SECTION: ClassVar[str] = "Machine detection"

    machine_greeting_ms: Annotated[
        int,
        _param(
            help="The first greeting, short pauses included, is a machine's when it is longer.",
            unit="ms",
        ),
    ] = Field(2500, ge=500, le=15_000, alias="machineGreetingMS")
    machine_word_count: Annotated[
        int,
        _param(help="The greeting is a machine's when it has so many words.", unit="words"),
    ] = Field(9, ge=2, le=100, alias="machineWordCount")
    machine_phrases: Annotated[
        tuple[Annotated[str, Field(min_length=2, max_length=100)], ...],
        _param(
            help=(
                "The greeting is a machine's when it contains one of these phrases as whole "
                "words; case and punctuation do not matter."
            )
        ),
    ] = Field(PHRASES, alias="machinePhrases", max_length=200)
    machine_silence_ms: Annotated[
        int,
        _param(help="Silence after a short greeting that makes it a person's.", unit="ms"),
    ] = Field(1000, ge=200, le=10_000, alias="machineSilenceMS")
    machine_no_speech_timeout_ms: Annotated[
        int,
        _param(
            help="Whoever has said nothing for so long after the answer is a person.", unit="ms"
        ),
    ] = Field(5000, ge=500, le=60_000, alias="machineNoSpeechTimeoutMS")
    machine_decision_timeout_ms: Annotated[
        int,
        _param(
            help="Without evidence of a machine so long after the answer, it is a person.",
            unit="ms",
        ),
    ] = Field(15_000, ge=1000, le=120_000, alias="machineDecisionTimeoutMS")
