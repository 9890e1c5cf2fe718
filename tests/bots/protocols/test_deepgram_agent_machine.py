"""One talk with the agent, frame by frame."""

import json
from typing import Any

import pytest

from bots.core.audio import LPCM16_8K, MULAW_8K
from bots.core.errors import Fault
from bots.core.ports import (
    AgentReport,
    EndpointedSpeech,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    StreamText,
    Transcript,
)
from bots.protocols.deepgram_agent.faults import Broken
from bots.protocols.deepgram_agent.happenings import (
    Aging,
    Applied,
    Asked,
    Confirmed,
    Happening,
    Ignored,
    Refused,
    Welcomed,
    Withdrawn,
)
from bots.protocols.deepgram_agent.machine import AgentClient, Phase

pytestmark = pytest.mark.pure

BEGAN = EndpointedSpeech(speaking=True)
STOPPED = EndpointedSpeech(speaking=False)


class Talk:
    """A client that is set up, and what its frames come to; ``talk`` leaves reports out."""

    def __init__(self, *, applied: bool = True, mulaw: bool = True) -> None:
        self.client = AgentClient(MULAW_8K if mulaw else LPCM16_8K)
        if applied:
            self("Welcome", request_id="r")
            self("SettingsApplied")

    def __call__(self, type_: str, **fields: Any) -> list[Happening]:
        return self.client.receive(json.dumps({"type": type_, **fields}))

    def talk(self, type_: str, **fields: Any) -> list[Happening]:
        found = self(type_, **fields)
        return [each for each in found if not isinstance(each, AgentReport)]

    def caller(self, text: str) -> list[Happening]:
        return self.talk("ConversationText", role="user", content=text)

    def agent(self, text: str) -> list[Happening]:
        return self.talk("ConversationText", role="assistant", content=text)

    def audio(self, data: bytes) -> list[Happening]:
        return self.client.receive(data)


def started(stream: int, text: str = "") -> StreamStarted:
    return StreamStarted(stream=stream, audio=MULAW_8K, text=text)


# --- beginning ------------------------------------------------------------------------------------


def test_a_session_is_welcomed_and_then_set_up() -> None:
    talk = Talk(applied=False)
    phases = [talk.client.phase]
    assert talk("Welcome", request_id="abc") == [Welcomed("abc")]
    phases.append(talk.client.phase)
    assert talk("SettingsApplied") == [Applied()]
    assert [*phases, talk.client.phase] == [Phase.CONNECTING, Phase.WELCOMED, Phase.APPLIED]


def test_greetings_out_of_order_are_ignored() -> None:
    talk = Talk(applied=False)
    assert talk("SettingsApplied") == [Ignored("SettingsApplied while connecting")]
    talk("Welcome")
    assert talk("Welcome") == [Ignored("Welcome while welcomed")]


def test_audio_before_the_settings_are_applied_is_nobodys() -> None:
    talk = Talk(applied=False)
    assert talk.audio(b"abc") == []
    assert not talk.client.greeted


# --- the agent speaks -----------------------------------------------------------------------------


def test_the_first_audio_opens_a_stream_with_the_text_that_is_known() -> None:
    talk = Talk()
    assert talk.agent("Hello.") == []
    assert talk.audio(b"abc") == [started(1, "Hello."), StreamAudio(1, b"abc")]
    assert talk.audio(b"de") == [StreamAudio(1, b"de")]
    assert talk.agent("How are you?") == [StreamText(1, "Hello. How are you?")]
    assert talk.talk("AgentAudioDone") == [StreamEnded(1)]
    assert talk.audio(b"f") == [started(2), StreamAudio(2, b"f")]


def test_a_text_that_comes_behind_its_audio_belongs_to_it() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk("AgentAudioDone")
    assert talk.agent("Hello.") == [StreamText(1, "Hello.")]
    assert talk.agent("And more.") == []
    assert talk.audio(b"x")[0] == started(2, "And more.")


def test_a_text_behind_audio_whose_text_is_known_is_that_of_the_next() -> None:
    talk = Talk()
    talk.agent("One.")
    talk.audio(b"abc")
    talk("AgentAudioDone")
    assert talk.agent("Two.") == []
    assert talk.audio(b"d")[0] == started(2, "Two.")


def test_the_end_of_audio_that_never_came_ends_nothing() -> None:
    talk = Talk()
    assert talk("AgentAudioDone") == [AgentReport(name="audio_done", detail={})]


def test_an_empty_frame_is_no_audio() -> None:
    assert Talk().audio(b"") == []


def test_samples_that_are_split_over_frames_stay_whole() -> None:
    talk = Talk(mulaw=False)
    assert talk.audio(b"a") == []
    assert talk.audio(b"bc")[1:] == [StreamAudio(1, b"ab")]
    assert talk.audio(b"d") == [StreamAudio(1, b"cd")]
    talk.audio(b"e")
    talk("AgentAudioDone")
    assert talk.audio(b"xy")[1:] == [StreamAudio(2, b"xy")]


def test_a_stream_that_stalls_ends_and_what_comes_later_is_another() -> None:
    talk = Talk()
    talk.audio(b"abc")
    speaking = not talk.client.quiet
    assert talk.client.stalled() == [StreamEnded(1)]
    assert (speaking, talk.client.quiet) == (True, True)
    assert talk.client.stalled() == []
    assert talk.audio(b"d")[0] == started(2)


# --- the caller speaks ----------------------------------------------------------------------------


def test_a_turn_of_the_caller_begins_ends_and_has_its_text() -> None:
    talk = Talk()
    assert talk.talk("UserStartedSpeaking") == [BEGAN]
    assert talk.talk("UserStartedSpeaking") == []
    assert not talk.client.quiet
    assert talk.caller("I want a taxi.") == [STOPPED, Transcript("I want a taxi.")]
    assert talk.caller("To the station.") == [Transcript("To the station.")]


def test_an_answer_without_words_of_the_caller_completes_the_turn() -> None:
    talk = Talk()
    talk("UserStartedSpeaking")
    assert talk.talk("AgentStartedSpeaking") == [STOPPED, SpeechCommitted()]
    talk("UserStartedSpeaking")
    assert talk.agent("Pardon?") == [STOPPED, SpeechCommitted()]


def test_what_was_said_in_the_callers_name_is_not_what_the_caller_said() -> None:
    talk = Talk()
    talk.client.injected("I pressed 5.")
    assert talk.caller("I pressed 5.") == []
    assert talk.caller("I pressed 5.") == [Transcript("I pressed 5.")]


def test_defect_e_speech_after_the_last_byte_was_sent_still_reaches_the_call() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk("AgentAudioDone")
    assert talk.talk("UserStartedSpeaking") == [BEGAN]


def test_defect_f_late_audio_of_an_answer_that_was_cut_off_is_not_heard() -> None:
    talk = Talk()
    talk.agent("A long answer.")
    talk.audio(b"abc")
    assert talk.talk("UserStartedSpeaking") == [BEGAN, StreamEnded(1)]
    assert talk.audio(b"late") == []
    assert talk("AgentAudioDone") == []
    talk.caller("Stop.")
    assert talk.audio(b"later") == []
    talk("AgentStartedSpeaking")
    assert talk.audio(b"new") == [started(2), StreamAudio(2, b"new")]


def test_a_line_of_the_agent_begins_a_new_answer_too() -> None:
    talk = Talk()
    talk("UserStartedSpeaking")
    assert talk.audio(b"late") == []
    talk.agent("Yes?")
    assert talk.audio(b"new")[0] == started(1, "Yes?")


def test_the_text_of_an_answer_that_was_cut_off_is_not_that_of_the_next() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk("UserStartedSpeaking")
    talk.caller("Stop.")
    assert talk.agent("All right.") == []
    assert talk.audio(b"d")[0] == started(2, "All right.")


# --- what the call does ---------------------------------------------------------------------------


def test_the_rest_of_an_answer_that_the_call_stopped_is_not_heard() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk.client.silenced(1)
    assert talk.audio(b"d") == []
    assert talk.agent("More of it.") == []
    assert talk.audio(b"e") == []
    talk("AgentAudioDone")
    assert talk.audio(b"f")[0] == started(2)


@pytest.mark.parametrize(
    "turn", [("UserStartedSpeaking", {}), ("ConversationText", {"role": "user", "content": "x"})]
)
def test_what_the_agent_says_next_is_heard_again(turn: tuple[str, dict[str, str]]) -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk.client.silenced(1)
    talk(turn[0], **turn[1])
    talk("AgentStartedSpeaking")
    assert talk.audio(b"f")[0] == started(2)


def test_stopping_a_stream_that_is_over_changes_nothing() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk("AgentAudioDone")
    talk.client.silenced(1)
    assert talk.audio(b"d")[0] == started(2)


# --- another session ------------------------------------------------------------------------------


def test_another_session_ends_what_the_last_one_left_open() -> None:
    talk = Talk()
    talk.agent("Hello.")
    talk.audio(b"abc")
    talk("UserStartedSpeaking")
    talk("AgentStartedSpeaking")
    talk.audio(b"d")
    assert talk.client.reset() == [StreamEnded(2)]
    assert talk.client.phase is Phase.CONNECTING
    assert talk.client.greeted
    talk("UserStartedSpeaking")
    assert talk.client.reset() == [STOPPED]


def test_numbers_of_streams_do_not_come_again() -> None:
    talk = Talk()
    talk.audio(b"abc")
    talk.client.reset()
    talk("Welcome")
    talk("SettingsApplied")
    assert talk.audio(b"d")[0] == started(2)


def test_the_history_is_reported_and_kept() -> None:
    talk = Talk()
    entry = {"type": "History", "role": "user", "content": "Hi"}
    assert talk(**{"type_": "History"} | {k: v for k, v in entry.items() if k != "type"}) == [
        AgentReport(name="history", detail=entry)
    ]
    assert talk("History") == []
    assert talk.client.talk.entries() == [entry]


# --- reports --------------------------------------------------------------------------------------


def reports(found: list[Happening]) -> list[tuple[str, Any]]:
    return [(each.name, each.detail) for each in found if isinstance(each, AgentReport)]


def test_latencies_are_put_together_for_each_turn() -> None:
    talk = Talk()
    talk.caller("Hi")
    assert reports(talk("LatencyReport", stt_latency=0.1)) == [("latency", {"stt_ms": 100})]
    began = talk("AgentStartedSpeaking", total_latency=0.5)
    assert reports(began) == [
        ("speaking", {}),
        ("latency", {"stt_ms": 100, "total_ms": 500}),
    ]
    talk("UserStartedSpeaking")
    assert reports(talk("LatencyReport", tts_latency=0.2)) == [("latency", {"tts_ms": 200})]
    assert talk("LatencyReport") == []


def test_the_agents_work_is_reported() -> None:
    talk = Talk()
    assert reports(talk("AgentThinking", content="hm")) == [("thinking", {"content": "hm"})]
    answered = talk("FunctionCallResponse", id="1", name="f", content="x")
    assert reports(answered) == [("function_response", {"id": "1", "name": "f", "content": "x"})]
    assert talk("PromptUpdated")[1:] == [Confirmed("UpdatePrompt")]


def test_functions_of_ours_are_asked_for_and_all_are_reported() -> None:
    talk = Talk()
    ours = {"id": "1", "name": "f", "arguments": '{"a":1}', "client_side": True}
    theirs = {"id": "2", "name": "g", "arguments": "{}", "client_side": False}
    found = talk("FunctionCallRequest", functions=[ours, theirs])
    assert [each for each in found if isinstance(each, Asked)] == [
        Asked(id="1", name="f", arguments={"a": 1})
    ]
    assert reports(found)[0] == (
        "function_call",
        {"id": "1", "name": "f", "arguments": {"a": 1}, "client_side": True},
    )
    assert len(reports(found)) == 2
    assert talk("FunctionCallCancelled", functions=[ours])[1:] == [Withdrawn("1")]


def test_a_refused_injection_is_told_with_its_reason() -> None:
    found = Talk()("InjectionRefused", message="Somebody is speaking.")
    assert found[1:] == [Refused("InjectAgentMessage", "Somebody is speaking.")]


def test_a_warning_is_a_line_of_the_transcript() -> None:
    (report,) = Talk()("Warning", code="SLOW_THINK_REQUEST", description="It is slow.")
    assert isinstance(report, AgentReport)
    assert report.note == "Deepgram warns: It is slow."
    assert report.detail == {"code": "SLOW_THINK_REQUEST", "description": "It is slow."}


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("INJECT_AGENT_MESSAGE_DURING_USER_SPEECH", Refused("InjectAgentMessage", "no")),
        ("INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH", Refused("InjectAgentMessage", "no")),
        ("FORCE_END_TURN_UNSUPPORTED", Refused("ForceEndTurn", "no")),
        ("MAXIMUM_SESSION_LENGTH_APPROACHING", Aging()),
    ],
)
def test_some_warnings_mean_something(code: str, meaning: Happening) -> None:
    assert Talk()("Warning", code=code, description="no")[1:] == [meaning]


def test_a_warning_without_words_is_known_by_its_code() -> None:
    found = Talk()("Warning", code="FORCE_END_TURN_UNSUPPORTED")
    assert found[1:] == [Refused("ForceEndTurn", "FORCE_END_TURN_UNSUPPORTED")]


# --- the end, and what nobody expected ------------------------------------------------------------


def test_after_an_error_nothing_more_comes() -> None:
    talk = Talk()
    (broken,) = talk("Error", code="INTERNAL_SERVER_ERROR", description="Sorry.")
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.SERVER
    assert talk.client.phase is Phase.OVER
    assert talk("Welcome") == []
    assert talk.audio(b"abc") == []


@pytest.mark.parametrize("frame", ["", "[]", '{"type":"MoonPhase"}', '{"type":7}', "\x00"])
def test_what_cannot_be_read_is_ignored(frame: str) -> None:
    (found,) = Talk().client.receive(frame)
    assert isinstance(found, Ignored)


def test_a_line_of_somebody_else_is_ignored() -> None:
    assert Talk()("ConversationText", role="system", content="x") == []
