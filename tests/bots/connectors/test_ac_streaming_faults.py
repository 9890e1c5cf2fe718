"""What a session makes of each fault of an AudioCodes bot: the call goes on, or it has failed."""

import asyncio
from typing import get_args

import msgspec
import pytest

from bots.connectors.ac_api import link, streaming
from bots.connectors.ac_api.streaming import StreamingConnector, StreamingSession
from bots.core.activities import event
from bots.core.audio import LPCM16_8K, LPCM16_16K
from bots.core.errors import Fault as Cause
from bots.core.errors import ServiceError
from bots.core.ports import (
    AgentReport,
    BotConversation,
    BotEvent,
    EndpointedSpeech,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    Transcript,
)
from tests.fakes.ac_bot import Fault, Script, ScriptedBot, serve, tone

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

CALL = BotConversation(
    conversation_id="c-1",
    bot="demo",
    language="en-US",
    caller_audio=LPCM16_16K,
    prompt_audio=LPCM16_16K,
)
HANGUP = event("hangup")
USUAL = Script(greeting_ms=40, answer_ms=40, silence_ms=60, last_words=(HANGUP,))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session gives up after tenths of the usual time; the rules stay as they are."""
    for name in ("ACCEPT_S", "RESUME_S", "CLOSE_S"):
        monkeypatch.setattr(link, name, getattr(link, name) / 20)
    monkeypatch.setattr(link, "RESUME_PAUSES_S", (0.005, 0.01, 0.02))
    monkeypatch.setattr(streaming, "OPEN_STREAM_S", 0.1)


async def no_token(refused: str | None) -> dict[str, str]:
    return {}


class Course:
    """A call as far as it came: what the session told, and how it failed, if it did."""

    def __init__(self) -> None:
        self.told: list[BotEvent] = []
        self.failure: ServiceError | None = None
        self.left = False
        self.bots: list[ScriptedBot] = []

    def has(self, *kinds: type) -> list[BotEvent]:
        """What was told of ``kinds``."""
        return [what for what in self.told if isinstance(what, kinds)]

    @property
    def prompts(self) -> list[str]:
        """The texts of the play streams."""
        return [what.text for what in self.told if isinstance(what, StreamStarted)]

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the bot."""
        reports = [what for what in self.told if isinstance(what, AgentReport)]
        return [r.detail["description"] for r in reports if r.name == "warning"]


async def talked(*faults: Fault, enough: float = 5.0) -> Course:
    """A call in which the bot greets, the caller speaks, the bot answers and hangs up.

    It ends with the bot's hang-up or failure, or after ``enough`` seconds.
    """
    course = Course()
    script = msgspec.structs.replace(USUAL, faults=frozenset(faults))
    async with serve(script) as (url, course.bots):
        way = StreamingConnector(
            url=f"{url}/voice/audiocodes/demo", authorise=no_token, hears=True, speaks=True
        )
        try:
            session = await way.open(CALL)
        except ServiceError as error:
            course.failure = error
            return course
        try:
            async with asyncio.timeout(enough):
                await _talk(session, course)
        except TimeoutError:
            pass
        except ServiceError as error:
            course.failure = error
        finally:
            await session.close("client-disconnected", "Client Side")
    return course


async def _talk(session: StreamingSession, course: Course) -> None:
    await session.send(event("start"))
    session.listen(on=True)
    spoken = asyncio.create_task(_speak(session))
    try:
        async for what in session.events():
            course.told.append(what)
            if what == HANGUP and "close after hangup" not in course.bots[0].script.faults:
                return
        course.left = True
    finally:
        spoken.cancel()


async def _speak(session: StreamingSession) -> None:
    """200 ms of voice, then silence; the fillers of the session are silent as well."""
    voice = tone(200, session.caller_audio)
    size = session.caller_audio.bytes_for_ms(20)
    for begin in range(0, len(voice), size):
        session.hear(voice[begin : begin + size])
        await asyncio.sleep(0.005)


HARMLESS: dict[Fault, list[str]] = {
    "accept another format": [],
    "never close the user stream": [],
    "break the protocol": ["Object missing required field `streamId`"],
    "unknown message": [],
    "play in another format": [],
    "unpaced": [],
    "overlap": ["playStream.start while another play stream is open"],
    "empty prompt": [],
    "deaf to interruptions": [],
    "name no format": [],
    "never close the socket": [],
}
"""Faults with which a call goes as it does without, and what the operator is told of them."""


@pytest.mark.parametrize("fault", HARMLESS)
async def test_a_call_goes_on_with_a_fault_that_does_no_harm(fault: Fault) -> None:
    course = await talked(fault)
    assert course.failure is None
    assert course.has(Transcript) == [Transcript("some words", 0.9)]
    assert course.prompts[-1] == "You said some words."
    assert course.has(EndpointedSpeech)[0] == EndpointedSpeech(speaking=True)
    assert course.told[-1] == HANGUP
    assert len(course.has(StreamEnded)) >= len(course.prompts) - 1
    assert [problem[: len(HARMLESS[fault][0])] for problem in course.warnings] == HARMLESS[fault]


REFUSED: dict[Fault, tuple[Cause, str]] = {
    "refuse": (Cause.SERVER, "The bot refused the session: no capacity"),
    "never accept": (Cause.TIMEOUT, "The bot did not accept the session in time"),
    "accept without format": (
        Cause.PROTOCOL,
        "The bot accepted the session without a known media format",
    ),
    "never open the user stream": (Cause.TIMEOUT, "The bot did not answer userStream.start"),
    "error in mid-call": (Cause.SERVER, "The bot gave up the session: out of order"),
    "close in mid-call": (Cause.CONNECTIVITY, "The bot lost its connection again and again"),
}
"""Faults with which the bot has failed: the cause, and what the record of the call says."""


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_bot_with_a_fault_that_ends_its_part_has_failed(fault: Fault) -> None:
    course = await talked(fault)
    assert course.failure is not None
    assert (course.failure.fault, course.failure.detail) == REFUSED[fault]


async def test_a_bot_that_forgets_the_conversation_has_failed() -> None:
    course = await talked("close in mid-call", "forget the conversation")
    assert course.failure is not None
    assert "conversation not found" in course.failure.detail


async def test_a_bot_that_closes_after_its_hang_up_has_left_in_order() -> None:
    course = await talked("close after hangup")
    assert course.left
    assert course.told[-1] == HANGUP


@pytest.mark.parametrize("fault", ["hear nothing", "answer nothing", "do not greet"])
async def test_a_bot_that_keeps_silent_is_the_engines_affair(fault: Fault) -> None:
    course = await talked(fault, enough=0.6)
    assert course.failure is None
    assert bool(course.has(Transcript)) == (fault != "hear nothing")
    assert ("Welcome." not in course.prompts) or fault != "do not greet"
    assert ("You said some words." in course.prompts) == (fault == "do not greet")


async def test_a_bot_may_hang_up_in_a_prompt_and_raise_a_false_alarm() -> None:
    course = await talked("hang up in a prompt", "false alarm")
    assert course.failure is None
    assert course.told[-1] == HANGUP
    assert not course.has(StreamEnded)


async def test_a_prompt_of_another_format_comes_without_its_header() -> None:
    course = await talked("play in another format")
    first = course.has(StreamStarted)[0]
    assert isinstance(first, StreamStarted)
    assert first.audio == LPCM16_8K
    audio = course.has(StreamAudio)[0]
    assert isinstance(audio, StreamAudio)
    assert audio.audio[:4] != b"RIFF"


async def test_the_bot_is_told_of_the_end() -> None:
    course = await talked()
    ended = course.bots[0].ended
    assert ended is not None
    assert (ended.reason_code, ended.reason) == ("client-disconnected", "Client Side")
    assert [heard.event for heard in course.bots[0].heard] == ["start"]


def test_every_fault_of_the_fake_is_tried() -> None:
    others = {"forget the conversation", "close after hangup", "hear nothing", "answer nothing"}
    others |= {"do not greet", "hang up in a prompt", "false alarm"}
    assert {*HARMLESS, *REFUSED, *others} == set(get_args(Fault))
