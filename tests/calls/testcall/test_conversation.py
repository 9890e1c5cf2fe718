"""The caller's ear, mouth and mind, frame by frame."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bots.core.activities import Activity, event, message
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall.conversation import CALLER_DONE, Conversation, Deeds, End
from calls.testcall.ledger import Ledger
from calls.testcall.plan import AXIS, CallPlan, Digits, Text, Turn, utterance
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure

WORDS = utterance("hello", tone(100))


class Talk:
    """A conversation with its clock."""

    def __init__(self, *turns: Turn, **fields: Any) -> None:
        plan = CallPlan(
            conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b", turns=turns, **fields
        )
        self.ledger = Ledger()
        self.conversation = Conversation(plan, self.ledger)
        self.at = 0.0
        self.conversation.begin(AXIS, 0.0)

    def bot(self, *what: wire.ClientEvent) -> None:
        for one in what:
            self.conversation.take(one, self.at)

    def bot_does(self, *activities: Activity) -> None:
        self.bot(wire.ActivitiesReceived(activities))

    def prompt(self, ms: int, *, name: str = "p", stop: bool = True, **params: Any) -> None:
        started = wire.PlayStarted(
            stream_id=name,
            media_format=MediaFormat.RAW_LPCM16,
            alt_text=None,
            activity_params=params,
        )
        self.bot(started, wire.PlayAudio(name, tone(ms)))
        if stop:
            self.bot(wire.PlayStopped(name))

    def listen(self, ms: int, *, talking: bool = True) -> list[Deeds]:
        deeds = []
        for _ in range(ms // 20):
            self.at += 0.02
            deeds.append(self.conversation.frame(self.at, talking=talking))
        return deeds

    def told(self, kind: str) -> list[str]:
        return [line.text for line in self.ledger.lines if line.kind == kind]

    def details(self, kind: str) -> list[str]:
        return [line.detail for line in self.ledger.lines if line.kind == kind]


def ends(deeds: list[Deeds]) -> list[End]:
    return [deed.end for deed in deeds if deed.end is not None]


def sent(deeds: list[Deeds]) -> list[Activity]:
    return [activity for deed in deeds for activity in deed.activities]


def test_what_is_said_and_heard_is_kept_frame_by_frame() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    deeds = talk.listen(1000)
    said, heard = talk.conversation.said, talk.conversation.heard
    assert len(said) == len(heard) == 50 * 640
    assert bytes(heard[:3200]) == tone(100)
    assert tone(100) in bytes(said)
    assert b"".join(deed.audio for deed in deeds) == bytes(said)


def test_a_whole_exchange() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    talk.listen(900)
    assert talk.told("caller") == ["hello"]
    assert not talk.conversation.caller_speaking
    talk.bot(
        wire.SpeechStarted(None),
        wire.SpeechHypothesis("he"),
        wire.SpeechStopped(None),
        wire.SpeechRecognition("hello", 0.8),
        wire.SpeechRecognition("there", 0.7),
        wire.SpeechRecognition("", None),
        wire.SpeechCommitted(None),
    )
    talk.prompt(100)
    assert ends(talk.listen(1000))[0] == CALLER_DONE
    (turn,) = talk.ledger.turns
    assert (turn.recognised, turn.confidence) == ("hello there", 0.7)
    assert turn.answer_delay_ms is not None
    assert talk.told("hypothesis") == ["he"]
    assert talk.told("heard") == ["hello", "there", ""]
    assert talk.details("heard") == ["confidence 0.80", "confidence 0.70", ""]


def test_recognition_before_the_caller_spoke_is_shown_only() -> None:
    talk = Talk()
    talk.bot(wire.SpeechRecognition("ghost", 0.5))
    assert talk.told("heard") == ["ghost"]
    assert talk.ledger.turns == []


def test_the_caller_hangs_up_after_the_last_answer() -> None:
    talk = Talk()
    talk.prompt(100)
    assert ends(talk.listen(660)) == []
    assert ends(talk.listen(200))[0] == CALLER_DONE


def test_keys_come_one_by_one_at_a_human_pace() -> None:
    talk = Talk(Digits("12"))
    talk.prompt(100)
    deeds = talk.listen(1500)
    pressed = [(n, a.value) for n, deed in enumerate(deeds) for a in deed.activities]
    assert [value for _, value in pressed] == ["1", "2"]
    assert pressed[1][0] - pressed[0][0] == 10
    assert sent(deeds)[0].language == "en-US"
    assert talk.told("digits") == ["12"]
    assert talk.ledger.turns[0].ended_at is not None


def test_in_a_text_session_messages_are_turns() -> None:
    talk = Talk(Text("hello"), text_session=True)
    talk.bot_does(message("Welcome."))
    deeds = talk.listen(800)
    assert [(a.kind, a.text) for a in sent(deeds)] == [("message", "hello")]
    talk.bot_does(message("Bye."), event("hangup"))
    assert [end.by for end in ends(talk.listen(40))] == ["bot"]
    assert talk.told("bot") == ["Welcome.", "Bye."]
    assert talk.ledger.prompts == 2
    assert talk.ledger.turns[0].answer_delay_ms is not None


def test_text_in_a_spoken_call_is_shown_and_is_no_answer() -> None:
    talk = Talk()
    talk.bot_does(message("psst"))
    assert talk.details("bot") == ["text, not spoken"]
    assert talk.ledger.prompts == 0


def test_no_answer_is_a_fault_and_no_greeting_is_not() -> None:
    talk = Talk(WORDS)
    talk.listen(20_000)
    assert talk.ledger.notes == ["the bot did not greet"]
    assert talk.ledger.faults == ['the bot did not answer "hello"']


def test_speech_stops_a_prompt_that_allows_it() -> None:
    talk = Talk(WORDS, interrupt=True)
    talk.prompt(3000, bargeIn=True)
    talk.listen(760)
    assert talk.ledger.turns[0].over_prompt
    assert talk.conversation.caller_speaking
    talk.bot(wire.SpeechStarted(None), wire.SpeechStarted(None))
    assert talk.told("barge-in") == ["the bot fell silent"]
    assert talk.ledger.turns[0].barge_in_ms == pytest.approx(40, abs=21)
    talk.listen(20)
    assert bytes(talk.conversation.heard[-640:]) == bytes(640)


def test_a_bot_that_stops_before_the_first_sound_was_not_interrupted() -> None:
    hesitant = utterance("er", bytes(40 * 640) + tone(100))
    talk = Talk(WORDS, hesitant, interrupt=True)
    talk.prompt(100)
    talk.listen(900)
    talk.prompt(3000, bargeIn=True)
    talk.listen(800)
    talk.bot(wire.SpeechStarted(None))
    assert [turn.over_prompt for turn in talk.ledger.turns] == [False, True]
    assert talk.ledger.turns[1].barge_in_ms is None


def test_speech_that_is_noticed_late_is_no_false_alarm() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    talk.listen(900)
    talk.prompt(300, bargeIn=True)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.details("barge-in") == ["after 0.1 s of the prompt"]
    assert talk.ledger.faults == []


def test_speech_does_not_stop_a_prompt_that_forbids_it() -> None:
    for params in ({"bargeIn": False}, {"bargeIn": "true"}, {}):
        talk = Talk()
        talk.prompt(1000, **params)
        talk.listen(100)
        talk.bot(wire.SpeechHypothesis("hello"))
        assert talk.told("barge-in") == []


def test_a_prompt_cut_off_in_silence_is_a_fault() -> None:
    talk = Talk()
    talk.prompt(300, bargeIn=True)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.ledger.faults == ["a prompt was cut off although the caller was silent"]


def test_the_bot_may_abort_its_own_prompts() -> None:
    talk = Talk()
    talk.prompt(300)
    talk.listen(100)
    talk.bot_does(event("abortPrompts"))
    assert talk.details("barge-in") == ["after 0.1 s of the prompt"]
    assert talk.ledger.faults == []
    talk.bot_does(event("abortPrompts"))
    assert len(talk.told("barge-in")) == 1


def test_settings_of_the_session_are_kept_for_later_prompts() -> None:
    talk = Talk()
    talk.bot_does(event("config", session_params={"bargeIn": True, "language": "de-DE"}))
    talk.bot_does(event("config", activity_params={"language": "fr-FR"}))
    talk.bot_does(event("sendMetaData", value=[1], activity_params={"bargeIn": False}))
    talk.prompt(1000)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.told("barge-in") == ["the bot fell silent"]
    assert talk.told("event") == ["config", "config", "sendMetaData"]
    assert talk.details("event")[2] == '{"bargeIn":false,"value":[1]}'
    talk.bot_does(Activity(type="invented"))
    assert (talk.told("event")[3], talk.details("event")[3]) == ("invented", "")


def test_hangup_and_transfer_wait_for_their_prompts() -> None:
    talk = Talk()
    talk.prompt(100)
    talk.bot_does(event("transfer", activity_params={"transferTarget": "tel:1"}))
    assert talk.conversation.farewell == End(
        by="bot", reason_code="transferred", reason="Transferred to tel:1"
    )
    assert ends(talk.listen(100)) == []
    assert ends(talk.listen(200, talking=False)) == []
    assert [end.reason_code for end in ends(talk.listen(20))] == ["transferred"]
    assert talk.conversation.farewell is None


def test_a_prompt_in_a_format_that_was_not_offered_is_a_fault() -> None:
    talk = Talk(media_formats=(MediaFormat.RAW_MULAW,))
    talk.prompt(100)
    assert talk.ledger.faults == ["a prompt came as raw/lpcm16, which was not offered"]


def test_a_forgotten_play_stream_is_closed_with_a_fault() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.listen(4900)
    assert talk.ledger.faults == []
    talk.listen(400)
    assert talk.ledger.faults == ["play stream 'p' was left open without audio for 5 s"]
    assert ends(talk.listen(800))


def test_a_stream_that_goes_on_after_it_was_silenced_is_not_waited_for() -> None:
    talk = Talk()
    talk.prompt(300, stop=False, bargeIn=True)
    talk.listen(100)
    talk.bot_does(event("abortPrompts"))
    talk.bot(wire.PlayAudio("p", tone(100)))
    assert talk.ledger.faults == []
    talk.listen(5200)
    assert talk.ledger.faults[-1] == "play stream 'p' was left open without audio for 5 s"


def test_a_stream_is_over_with_its_socket() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.conversation.lose_socket()
    talk.listen(200)
    assert ends(talk.listen(800))
    talk.bot(wire.PlayStopped("p"))
    assert talk.ledger.faults == []


def test_gaps_inside_prompts_are_added_up() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.listen(200)
    talk.bot(wire.PlayAudio("p", tone(100)), wire.PlayStopped("p"))
    talk.listen(200)
    assert talk.ledger.starved_ms == 100
