"""The plug-ins that fail on purpose, in front of a recogniser and a synthesiser of tones."""

import asyncio
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from bots.core import catalogue, registry
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Level
from bots.core.ports import (
    EndpointedSpeech,
    Hypothesis,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SpeechToText,
    SynthesisRequest,
    TextToSpeech,
    Transcript,
)
from bots.core.registry import NoParams
from bots.speech import rehearsal, spoken
from tests.plugins import ToneRecognition, ToneStt, ToneTts, tone

REQUEST = RecognitionRequest(language="en-US", rate_hz=16000)
YES = tone(300)


@pytest.fixture(autouse=True)
def plugins() -> None:
    assert registry.plugin("stt", "tones").factory is ToneStt


def stt(failure: str, plugin: str = "tones", key: str = "", **params: Any) -> SpeechToText:
    found = registry.plugin("stt", "rehearsal")
    given = {"rehearsalSttPlugin": plugin, "rehearsalSttFault": failure, **params}
    keys = found.credentials.model_validate({"rehearsalKey": key})
    made: SpeechToText = found.factory(found.params.model_validate(given), keys)
    return made


def tts(failure: str, key: str = "", **params: Any) -> TextToSpeech:
    found = registry.plugin("tts", "rehearsal")
    given = {"rehearsalTtsPlugin": "tones", "rehearsalTtsFault": failure, **params}
    keys = found.credentials.model_validate({"rehearsalKey": key})
    made: TextToSpeech = found.factory(found.params.model_validate(given), keys)
    return made


def utter(recognition: Recognition, pcm: bytes = YES) -> None:
    recognition.begin_utterance()
    recognition.push(pcm)
    recognition.end_utterance()


async def results(recogniser: SpeechToText, utterances: int) -> list[RecognitionEvent]:
    """What becomes of so many utterances on one stream, up to its end."""
    recognition = await recogniser.open(REQUEST)
    for _ in range(utterances):
        utter(recognition)
    await recognition.close()
    return [event async for event in recognition.events()]


def say(text: str = "Hello.") -> SynthesisRequest:
    return SynthesisRequest(text=text, language="en-US", rate_hz=16000)


YES_HEARD = Transcript("yes", 0.9)


async def test_without_a_fault_the_other_plug_in_does_the_work() -> None:
    assert await results(stt("none"), 2) == [YES_HEARD, YES_HEARD]
    assert stt("none").capabilities == ToneStt.capabilities
    expected = await spoken(ToneTts(NoParams(), NoParams()), say())
    assert await spoken(tts("none"), say()) == expected
    assert tts("none").capabilities == ToneTts.capabilities


@pytest.mark.parametrize(
    ("failure", "fault"), [("error", Fault.SERVER), ("cut", Fault.CONNECTIVITY)]
)
async def test_a_recogniser_fails_after_the_utterances_it_is_allowed(
    failure: str, fault: Fault
) -> None:
    recogniser = stt(failure, rehearsalSttAfter=1)
    recognition = await recogniser.open(REQUEST)
    utter(recognition)
    utter(recognition)
    events = recognition.events()
    assert await anext(events) == YES_HEARD
    with pytest.raises(ServiceError) as caught:
        await anext(events)
    assert (caught.value.service, caught.value.fault) == ("stt:rehearsal", fault)


async def test_a_call_goes_on_counting_on_a_new_stream_and_another_call_begins_anew() -> None:
    recogniser = stt("empty", rehearsalSttAfter=1)
    with bound_contextvars(call="first"):
        assert await results(recogniser, 2) == [YES_HEARD, Transcript("")]
        assert await results(recogniser, 1) == [Transcript("")]
    with bound_contextvars(call="second"):
        assert await results(recogniser, 2) == [YES_HEARD, Transcript("")]


async def test_calls_are_not_counted_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MAX_CALLS", 2)
    recogniser = stt("empty", rehearsalSttAfter=1)
    for call, heard in (
        ("first", YES_HEARD),
        ("second", YES_HEARD),
        ("second", Transcript("")),
        ("third", YES_HEARD),
        ("first", YES_HEARD),
    ):
        with bound_contextvars(call=call):
            assert await results(recogniser, 1) == [heard]


async def test_wrong_credentials_are_refused_when_a_stream_is_opened_or_in_the_middle() -> None:
    with pytest.raises(ServiceError) as caught:
        await stt("authentication").open(REQUEST)
    assert caught.value.fault is Fault.AUTHENTICATION
    recogniser = stt("authentication", rehearsalSttAfter=1)
    with pytest.raises(ServiceError) as caught:
        await results(recogniser, 2)
    assert not caught.value.fault.retryable


async def test_a_silent_recogniser_never_answers() -> None:
    assert await results(stt("silent"), 2) == []


async def test_a_slow_recogniser_answers_late() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await results(stt("slow", rehearsalSttDelayMS=30), 1) == [YES_HEARD]
    assert loop.time() - before >= 0.03


class Chatty(ToneStt):
    """Also tells of interim text and of voice."""

    async def open(self, request: RecognitionRequest) -> Recognition:
        return ChattyRecognition(request.rate_hz)


class ChattyRecognition(ToneRecognition):
    def begin_utterance(self) -> None:
        super().begin_utterance()
        self._results.put_nowait(EndpointedSpeech(speaking=True))
        self._results.put_nowait(Hypothesis("ye"))


@pytest.fixture
def chatty(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    registry.register("stt", "chatty", "Chatty")(Chatty)
    return "chatty"


@pytest.mark.parametrize(
    ("failure", "heard"),
    [
        ("none", [EndpointedSpeech(speaking=True), Hypothesis("ye"), YES_HEARD]),
        ("slow", [EndpointedSpeech(speaking=True), Hypothesis("ye"), YES_HEARD]),
        ("empty", [EndpointedSpeech(speaking=True), Transcript("")]),
        ("silent", []),
    ],
)
async def test_each_fault_leaves_its_part_of_an_utterance(
    chatty: str, failure: str, heard: list[RecognitionEvent]
) -> None:
    assert await results(stt(failure, chatty, rehearsalSttDelayMS=0), 1) == heard


async def test_a_cut_comes_in_the_middle_of_an_utterance_and_an_error_at_its_end(
    chatty: str,
) -> None:
    recognition = await stt("cut", chatty).open(REQUEST)
    recognition.begin_utterance()
    with pytest.raises(ServiceError):
        await anext(recognition.events())
    recognition = await stt("error", chatty).open(REQUEST)
    utter(recognition)
    events = recognition.events()
    assert [await anext(events), await anext(events)] == [
        EndpointedSpeech(speaking=True),
        Hypothesis("ye"),
    ]
    with pytest.raises(ServiceError):
        await anext(events)


@pytest.mark.parametrize(
    ("failure", "fault"), [("error", Fault.SERVER), ("authentication", Fault.AUTHENTICATION)]
)
async def test_a_synthesiser_fails_after_the_prompts_it_is_allowed(
    failure: str, fault: Fault
) -> None:
    voice = tts(failure, rehearsalTtsAfter=1)
    assert await spoken(voice, say())
    with pytest.raises(ServiceError) as caught:
        await spoken(voice, say())
    assert (caught.value.service, caught.value.fault) == ("tts:rehearsal", fault)


async def test_a_prompt_is_cut_in_the_middle() -> None:
    stream = tts("cut").synthesise(say())
    first = await anext(stream)
    with pytest.raises(ServiceError) as caught:
        await anext(stream)
    assert caught.value.fault is Fault.CONNECTIVITY
    assert 0 < len(first) < len(await spoken(tts("none"), say()))


async def test_a_prompt_is_empty() -> None:
    assert await spoken(tts("empty"), say()) == b""


async def test_a_slow_prompt_comes_late_and_whole() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    late = await spoken(tts("slow", rehearsalTtsDelayMS=30), say())
    assert loop.time() - before >= 0.03
    assert late == await spoken(tts("none"), say())


async def test_a_silent_synthesiser_gives_nothing_until_it_is_cancelled() -> None:
    waiting = asyncio.ensure_future(spoken(tts("silent"), say()))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_a_rehearsal_of_itself_or_of_nothing_is_refused() -> None:
    known = catalogue.everything()
    for name in ("rehearsalSttPlugin", "rehearsalTtsPlugin"):
        (problem,) = known.problems(Level.PROVIDER, {name: "rehearsal"}).values()
        assert "is the rehearsal itself" in problem
    with pytest.raises(LookupError, match="no stt plug-in named 'nobody'; known: "):
        stt("none", "nobody")


async def test_the_right_key_opens_and_a_wrong_one_does_not() -> None:
    assert await results(stt("none", key=rehearsal.ACCEPTED_KEY), 1) == [YES_HEARD]
    assert await spoken(tts("none", key=rehearsal.ACCEPTED_KEY), say())
    with pytest.raises(ServiceError, match="the key is not accepted"):
        await stt("none", key="guessed").open(REQUEST)
    with pytest.raises(ServiceError, match="the key is not accepted"):
        await spoken(tts("none", key="guessed"), say())
