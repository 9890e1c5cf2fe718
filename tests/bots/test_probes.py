"""Trying services: every step is told, and why it ended."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bots.core import registry
from bots.core.activities import Activity
from bots.core.errors import Fault
from bots.core.ports import RecognitionRequest, SttCapabilities, SynthesisRequest, Transcript
from bots.core.registry import NoParams
from bots.probes import Course, Outcome, StepName, probe, run
from bots.probes.bot import probe_bot
from bots.probes.speech import probe_stt, probe_tts, probe_vad, sentence
from tests import plugins
from tests.plugins import TableBot, TableParams, ToneRecognition, ToneStt, ToneTts, tone

NOTHING = NoParams()


def steps(outcome: Outcome) -> list[tuple[str, bool]]:
    return [(step.name.value, step.ok) for step in outcome.steps]


def facts(outcome: Outcome, name: StepName) -> dict[str, Any]:
    return next(step.facts for step in outcome.steps if step.name is name)


async def tried(kind: str, name: str, values: dict[str, Any], key: str = "") -> Outcome:
    plugin = registry.plugin(kind, name)  # type: ignore[arg-type]  # a kind
    keys = plugin.credentials.model_validate({"rehearsalKey": key} if key else {})
    return await probe(
        plugin,
        plugin.params.model_validate(values),
        keys,
        name="demo",
        language="en-US",
        sampler="tones",
    )


# --- the course -----------------------------------------------------------------------------------


async def test_a_probe_that_takes_too_long_ends_with_the_step_it_was_in() -> None:
    async def slow(course: Course) -> None:
        with course.step(StepName.BUILD):
            pass
        with course.step(StepName.CONNECT):
            await asyncio.Event().wait()

    outcome = await run(slow, deadline_s=0.01)
    assert steps(outcome) == [("build", True), ("connect", False)]
    assert (outcome.ok, outcome.fault) == (False, Fault.TIMEOUT)
    assert outcome.detail == "no answer within 0.01 s"


async def test_a_bug_in_a_plug_in_is_no_outcome() -> None:
    async def broken(course: Course) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await run(broken)


async def test_what_is_stored_holds_no_audio() -> None:
    async def loud(course: Course) -> None:
        with course.step(StepName.RESULT) as found:
            found["seconds"] = 1.5
        course.audio = b"RIFF"

    outcome = await run(loud)
    assert outcome.audio == b"RIFF"
    stored = outcome.stored()
    stored["ms"] = stored["steps"][0]["ms"] = 0
    assert stored == {
        "ok": True,
        "ms": 0,
        "steps": [{"name": "result", "ms": 0, "ok": True, "facts": {"seconds": 1.5}}],
        "fault": None,
        "detail": "",
    }


# --- synthesisers ---------------------------------------------------------------------------------


async def test_a_synthesiser_says_a_sentence_that_can_be_played() -> None:
    outcome = await tried("tts", "tones", {})
    assert steps(outcome) == [("build", True), ("answer", True), ("result", True)]
    assert facts(outcome, StepName.ANSWER) == {"said": "Good morning."}
    seconds = facts(outcome, StepName.RESULT)["seconds"]
    assert outcome.audio[:4] == b"RIFF"
    assert len(outcome.audio) == pytest.approx(44 + seconds * 32000, abs=400)
    assert (outcome.ok, outcome.fault) == (True, None)


async def test_a_synthesiser_is_asked_in_its_language_voice_and_rate() -> None:
    asked: list[SynthesisRequest] = []

    class Listening(ToneTts):
        async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
            asked.append(request)
            yield tone(100)

    async def go(course: Course) -> None:
        await probe_tts(course, Listening(NOTHING, NOTHING), language="de-AT", voice="eva")

    assert (await run(go)).ok
    assert asked == [
        SynthesisRequest(text="Guten Morgen.", language="de-AT", rate_hz=16000, voice="eva")
    ]


@pytest.mark.parametrize(
    ("failure", "ended", "fault"),
    [
        ("error", ("answer", False), Fault.SERVER),
        ("authentication", ("answer", False), Fault.AUTHENTICATION),
        ("cut", ("result", False), Fault.CONNECTIVITY),
        ("empty", ("result", False), None),
    ],
)
async def test_a_failing_synthesiser_is_told_with_the_cause(
    failure: str, ended: tuple[str, bool], fault: Fault | None
) -> None:
    values = {"rehearsalTtsPlugin": "tones", "rehearsalTtsFault": failure}
    outcome = await tried("tts", "rehearsal", values)
    assert steps(outcome)[-1] == ended
    assert (outcome.ok, outcome.fault) == (False, fault)
    assert outcome.detail
    assert outcome.audio == b""


async def test_a_wrong_key_is_an_authentication_fault() -> None:
    outcome = await tried("tts", "rehearsal", {"rehearsalTtsPlugin": "tones"}, key="guessed")
    assert (outcome.fault, outcome.detail) == (Fault.AUTHENTICATION, "the key is not accepted")
    assert (await tried("tts", "rehearsal", {"rehearsalTtsPlugin": "tones"}, key="rehearsal")).ok


async def test_a_plug_in_that_another_one_needs_is_missed_by_name() -> None:
    outcome = await tried("tts", "rehearsal", {"rehearsalTtsPlugin": "acme"})
    assert steps(outcome) == [("build", False)]
    assert outcome.fault is Fault.INTERNAL
    assert "no tts plug-in named 'acme'" in outcome.detail


@pytest.mark.pure
def test_sentences_are_those_of_the_language() -> None:
    assert sentence("de-CH") == "Guten Morgen."
    assert sentence("EN") == "Good morning."
    assert sentence("fi-FI") == "Good morning."


# --- recognisers ----------------------------------------------------------------------------------


async def heard_by(stt: ToneStt) -> Outcome:
    async def go(course: Course) -> None:
        await probe_stt(course, stt, language="en-US", sampler="tones")

    return await run(go)


async def test_a_recogniser_hears_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plugins.VOCABULARY, 3, "good morning")
    outcome = await heard_by(ToneStt(NOTHING, NOTHING))
    assert [name for name, _ in steps(outcome)] == ["sample", "connect", "result", "close"]
    assert outcome.ok
    result = facts(outcome, StepName.RESULT)
    assert (result["said"], result["heard"], result["confidence"]) == (
        "Good morning.",
        "good morning",
        0.9,
    )


async def test_a_recogniser_that_understands_nothing_fails_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugins, "VOCABULARY", {})
    outcome = await heard_by(ToneStt(NOTHING, NOTHING))
    assert steps(outcome)[-1] == ("result", False)
    assert (outcome.ok, outcome.fault) == (False, None)
    assert outcome.detail == "it heard speech, but understood no word"


async def test_a_recogniser_that_finds_the_ends_itself_is_only_given_audio() -> None:
    class Endpointing(ToneStt):
        capabilities = SttCapabilities(rates_hz=(8000,), endpointing=True)

        async def open(self, request: RecognitionRequest) -> "OnlyPushed":
            assert request.rate_hz == 8000
            return OnlyPushed(request.rate_hz)

    class OnlyPushed(ToneRecognition):
        def begin_utterance(self) -> None:
            raise AssertionError("it does that itself")

        end_utterance = begin_utterance

        def push(self, pcm: bytes) -> None:
            super().push(pcm)
            if len(self._audio) > 8000 * 2:
                self._results.put_nowait(Transcript("good morning"))

    outcome = await heard_by(Endpointing(NOTHING, NOTHING))
    assert outcome.ok
    assert facts(outcome, StepName.RESULT)["heard"] == "good morning"


async def test_a_stream_that_closes_without_a_result_understood_nothing() -> None:
    class Closing(ToneStt):
        async def open(self, request: RecognitionRequest) -> ToneRecognition:
            recognition = ToneRecognition(request.rate_hz)
            await recognition.close()
            return recognition

    outcome = await heard_by(Closing(NOTHING, NOTHING))
    assert (outcome.ok, outcome.fault) == (False, None)


async def test_a_recogniser_that_refuses_is_told_at_the_connection() -> None:
    plugin = registry.plugin("stt", "rehearsal")
    keys = plugin.credentials.model_validate({"rehearsalKey": "guessed"})
    params = plugin.params.model_validate({"rehearsalSttPlugin": "tones"})
    outcome = await heard_by(plugin.factory(params, keys))
    assert steps(outcome) == [("sample", True), ("connect", False)]
    assert outcome.fault is Fault.AUTHENTICATION


# --- voice activity -------------------------------------------------------------------------------


class Loud:
    """Somebody speaks from the first loud frame to the last."""

    def __init__(self, *, starts: bool = True, stops: bool = True) -> None:
        self.starts, self.stops, self.speaking = starts, stops, False

    def detector(self, *, rate_hz: int, voice_ms: int, silence_ms: int) -> "Loud":
        return self

    def push(self, pcm: bytes) -> Any:
        loud = any(pcm)
        if loud and self.starts and not self.speaking:
            self.speaking = True
            return "started"
        if not loud and self.stops and self.speaking:
            self.speaking = False
            return "stopped"
        return None


async def noticed_by(vad: Loud) -> Outcome:
    async def go(course: Course) -> None:
        await probe_vad(course, vad, language="en-US", sampler="tones")

    return await run(go)


async def test_a_detector_notices_the_beginning_and_the_end() -> None:
    outcome = await noticed_by(Loud())
    assert outcome.ok
    found = facts(outcome, StepName.RESULT)
    assert found["started_ms"] == 500
    assert found["stopped_ms"] > 500


@pytest.mark.parametrize(
    ("vad", "said"),
    [
        (Loud(starts=False), "it did not notice that somebody spoke"),
        (Loud(stops=False), "it did not notice that the speech was over"),
    ],
)
async def test_a_detector_that_misses_one_fails_the_test(vad: Loud, said: str) -> None:
    assert (await noticed_by(vad)).detail == said


# --- bots -----------------------------------------------------------------------------------------


async def answered_by(table: dict[str, list[Any]]) -> tuple[Outcome, TableBot]:
    bot = TableBot(TableParams.model_validate({"tableAnswers": table}), NOTHING)

    async def go(course: Course) -> None:
        await probe_bot(course, bot, bot="demo", language="en-US", greeting_s=0.02)

    return await run(go, deadline_s=2), bot


async def test_a_bot_that_greets_is_left_in_order() -> None:
    outcome, bot = await answered_by({"start": ["Welcome", "How can I help?"]})
    assert steps(outcome) == [("connect", True), ("answer", True), ("close", True)]
    assert facts(outcome, StepName.ANSWER) == {"text": "Welcome"}
    [session] = bot.sessions
    assert session.closed == ("connection-test", "The connection was tested")
    [start] = session.heard
    assert start.event == "start"
    assert start.parameter("caller") == "connection-test"
    assert start.parameter("callee") == "demo"
    conversation = facts(outcome, StepName.CONNECT)["conversation"]
    assert start.parameter("vaigConversationId") == conversation


async def test_a_bot_that_waits_is_spoken_to() -> None:
    outcome, bot = await answered_by({"Hello": ["Hi"]})
    assert facts(outcome, StepName.ANSWER) == {"asked": "Hello", "text": "Hi"}
    assert [each.kind for each in bot.sessions[0].heard] == ["event", "message"]


async def test_an_event_is_an_answer_too() -> None:
    outcome, _ = await answered_by({"start": [{"name": "hangup"}]})
    assert facts(outcome, StepName.ANSWER) == {"event": "hangup"}


async def test_a_bot_that_cannot_be_joined_is_told() -> None:
    outcome, _ = await answered_by({"!join": []})
    assert steps(outcome) == [("connect", False)]
    assert (outcome.fault, outcome.detail) == (Fault.CONNECTIVITY, "the table says so")


@pytest.mark.parametrize(
    ("answer", "fault", "detail"),
    [
        ("!fail", Fault.SERVER, "the table says so"),
        ("!leave", None, "it left the conversation without a word"),
    ],
)
async def test_a_bot_that_fails_is_left_all_the_same(
    answer: str, fault: Fault | None, detail: str
) -> None:
    outcome, bot = await answered_by({"start": [answer]})
    assert steps(outcome) == [("connect", True), ("answer", False)]
    assert (outcome.fault, outcome.detail) == (fault, detail)
    assert bot.sessions[0].closed


async def test_a_bot_that_cannot_be_sent_to_is_told() -> None:
    class Deaf(TableBot):
        async def open(self, conversation: Any) -> Any:
            session = await super().open(conversation)
            session.send = self._refuse  # type: ignore[method-assign]  # a session of its own
            return session

        async def _refuse(self, activity: Activity) -> None:
            from bots.core.errors import ServiceError

            raise ServiceError("bot", Fault.RATE_LIMIT, "too many")

    async def go(course: Course) -> None:
        await probe_bot(course, Deaf(TableParams(), NOTHING), bot="demo", language="en-US")

    assert (await run(go)).fault is Fault.RATE_LIMIT


async def test_each_kind_of_plug_in_has_its_probe() -> None:
    values = {"tableAnswers": {"start": ["Welcome"]}}
    assert facts(await tried("bot", "table", values), StepName.ANSWER) == {"text": "Welcome"}
    assert facts(await tried("stt", "tones", {}), StepName.RESULT)["heard"] == "yes"
    # The detector of the product is not fooled by tones.
    assert (await tried("vad", "webrtc", {})).detail == "it did not notice that somebody spoke"
