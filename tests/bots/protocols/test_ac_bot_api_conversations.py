"""Whole conversations: traces of the wire replayed, and both machines talking to each other."""

from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bots.core.activities import Activity, event, message
from bots.protocols import ac_bot_api
from bots.protocols.ac_bot_api import (
    Accepted,
    ActivitiesReceived,
    ClientEvent,
    ClientState,
    Errored,
    InitiateRequested,
    MediaFormat,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    Rejected,
    ServerState,
    SessionEnded,
    StreamClient,
    StreamServer,
    UserAudio,
    UserStreamClosed,
    UserStreamOpen,
    UserStreamStarted,
    UserStreamStopped,
)

pytestmark = pytest.mark.pure

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts" / "ac_bot_api"
VOCABULARY: dict[str, Any] = {name: getattr(ac_bot_api, name) for name in ac_bot_api.__all__}
VOCABULARY.update(event=event, message=message)


def replay(transcript: Path) -> None:
    """Run a trace: ``>`` from the gateway, ``<`` from the bot, ``do`` a call, ``=`` an event.

    The first line names our side. Every event and every frame we write must be listed.
    """
    lines = [
        line
        for line in transcript.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    side, _, conversation = lines[0].partition(" ")
    machine: Any = StreamClient(conversation) if side == "client" else StreamServer()
    ours = ">" if side == "client" else "<"
    written: deque[str] = deque()
    found: deque[object] = deque()
    for line in lines[1:]:
        mark, _, rest = line.partition(" ")
        if mark == "=":
            assert found, f"nothing happened, expected {rest}"
            assert found.popleft() == eval(rest, VOCABULARY)
            continue
        assert not found, f"not listed before {line!r}: {found}"
        if mark == "do":
            assert not written, f"not listed before {line!r}: {written}"
            written.append(eval(f"machine.{rest}", {**VOCABULARY, "machine": machine}))
        elif mark == ours:
            assert msgspec.json.decode(written.popleft()) == msgspec.json.decode(rest)
        else:
            found.extend(machine.receive(rest))
    assert not written
    assert not found


@pytest.mark.parametrize("transcript", sorted(TRANSCRIPTS.glob("*.txt")), ids=lambda p: p.stem)
def test_a_conversation_goes_as_it_was_traced(transcript: Path) -> None:
    replay(transcript)


participants = st.sampled_from([None, "caller", "callee"])
# "R" might be the first byte of a WAV header, which is not passed on.
samples = st.binary(min_size=1, max_size=32).filter(lambda audio: audio[:1] != b"R")


class Conversation(RuleBasedStateMachine):
    """A gateway and a bot of ours, with frames in flight in both directions.

    Whatever the order in which both act and frames arrive, neither finds fault with the other, and
    audio arrives whole and in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dial()

    def dial(self) -> None:
        self.client = StreamClient("c-1")
        self.server = StreamServer()
        self.to_server: deque[str] = deque()
        self.to_client: deque[str] = deque()
        self.sent_prompt = b""
        self.heard_prompt = b""
        self.said: dict[str | None, bytes] = {}
        self.understood: dict[str | None, bytes] = {}
        self.open: set[str | None] = set()
        self.prompts = 0

    # --- the gateway acts

    @precondition(lambda self: self.client.state is ClientState.CONNECTED)
    @rule()
    def call(self) -> None:
        self.to_server.append(
            self.client.initiate(
                bot_name="b",
                caller="c",
                expect_audio_messages=True,
                media_formats=[MediaFormat.RAW_LPCM16],
            )
        )

    @precondition(lambda self: self.client.state is ClientState.ACTIVE)
    @rule(participant=participants)
    def start_user_stream(self, participant: str | None) -> None:
        if participant not in self.said:
            self.said[participant] = self.understood[participant] = b""
            self.to_server.append(self.client.user_stream_start(participant))

    @precondition(lambda self: self.open)
    @rule(audio=samples, data=st.data())
    def speak(self, audio: bytes, data: st.DataObject) -> None:
        participant = data.draw(st.sampled_from(sorted(self.open, key=str)))
        self.to_server.append(self.client.user_stream_chunk(audio, participant))
        self.said[participant] += audio

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def stop_user_stream(self, data: st.DataObject) -> None:
        participant = data.draw(st.sampled_from(sorted(self.open, key=str)))
        self.open.remove(participant)
        self.to_server.append(self.client.user_stream_stop(participant))

    @precondition(lambda self: self.client.state is ClientState.ACTIVE)
    @rule(digit=st.sampled_from("0123456789*#"))
    def press(self, digit: str) -> None:
        self.to_server.append(self.client.activities([event("DTMF", value=digit)]))

    @precondition(lambda self: self.client.state is ClientState.ACTIVE)
    @rule()
    def hang_up(self) -> None:
        self.open.clear()
        self.to_server.append(self.client.end("client-disconnected", "Client Side"))

    @precondition(
        lambda self: (
            self.server.state is ServerState.ENDED and self.client.state is ClientState.ENDED
        )
    )
    @rule()
    def dial_again(self) -> None:
        self.dial()

    # --- the bot acts

    @precondition(lambda self: self.server.state is ServerState.REQUESTED)
    @rule(takes=st.booleans())
    def answer(self, *, takes: bool) -> None:
        accepted = self.server.accept(MediaFormat.RAW_LPCM16) if takes else self.server.refuse("no")
        self.to_client.append(accepted)

    @precondition(
        lambda self: self.server.state is ServerState.ACTIVE and self.server.playing is None
    )
    @rule()
    def begin_prompt(self) -> None:
        self.prompts += 1
        self.sent_prompt = b""
        name = f"p-{self.prompts}"
        self.to_client.append(self.server.play_start(name, MediaFormat.RAW_LPCM16, "Hello"))

    @precondition(lambda self: self.server.playing)
    @rule(audio=samples)
    def go_on_with_prompt(self, audio: bytes) -> None:
        self.to_client.append(self.server.play_chunk(f"p-{self.prompts}", audio))
        self.sent_prompt += audio

    @precondition(lambda self: self.server.playing)
    @rule()
    def finish_prompt(self) -> None:
        self.to_client.append(self.server.play_stop(f"p-{self.prompts}"))

    @precondition(lambda self: self.server.state is ServerState.ACTIVE)
    @rule(text=st.text(max_size=20))
    def report_speech(self, text: str) -> None:
        self.to_client.extend(
            [
                self.server.speech_started(),
                self.server.hypothesis(text),
                self.server.recognition(text, 0.5),
                self.server.activities([message(text)]),
            ]
        )

    # --- frames arrive

    @precondition(lambda self: self.to_server)
    @rule()
    def deliver_to_bot(self) -> None:
        for found in self.server.receive(self.to_server.popleft()):
            match found:
                case UserStreamStarted(participant):
                    self.to_client.append(self.server.user_stream_started(participant))
                case UserStreamStopped(participant):
                    self.to_client.append(self.server.user_stream_stopped(participant))
                case UserAudio(audio, participant):
                    self.understood[participant] += audio
                case _:
                    assert isinstance(found, InitiateRequested | ActivitiesReceived | SessionEnded)

    @precondition(lambda self: self.to_client)
    @rule()
    def deliver_to_gateway(self) -> None:
        for found in self.client.receive(self.to_client.popleft()):
            self.arrived_at_gateway(found)

    def arrived_at_gateway(self, found: ClientEvent) -> None:
        match found:
            case UserStreamOpen(participant):
                self.open.add(participant)
            case UserStreamClosed(participant):
                # What was said and what arrived agree, but for half a sample.
                said = self.said.pop(participant)
                assert self.understood.pop(participant) == said[: len(said) & ~1]
            case PlayStarted():
                self.heard_prompt = b""
            case PlayAudio(_, audio):
                self.heard_prompt += audio
            case Errored() | PlayStopped() | Accepted():
                pass
            case _:
                assert not isinstance(found, Rejected), found

    @invariant()
    def nothing_is_heard_that_was_not_sent(self) -> None:
        if not self.to_client and self.client.state is ClientState.ACTIVE:
            assert self.heard_prompt == self.sent_prompt[: len(self.sent_prompt) & ~1]
        for participant, understood in self.understood.items():
            assert self.said[participant].startswith(understood)

    @invariant()
    def the_machines_agree_when_nothing_is_in_flight(self) -> None:
        if not self.to_client and not self.to_server:
            assert (self.client.state.value == self.server.state.value) or (
                self.client.state is ClientState.ENDED and self.server.state is ServerState.ENDED
            )


TestConversation = Conversation.TestCase


def test_an_activity_read_from_a_frame_is_the_one_that_was_written() -> None:
    server = StreamServer()
    server.receive('{"type":"session.initiate"}')
    client = StreamClient("c-1")
    client.initiate(bot_name="", caller="", expect_audio_messages=False, media_formats=[])
    client.receive(server.accept(None))
    told = Activity(
        type="message",
        text="Größe? ☃ \u2028",
        id="a",
        timestamp="t",
        language="de-DE",
        parameters={"confidence": 0.5},
        activity_params={"bargeIn": True},
        session_params={"language": "de-DE"},
        participant="caller",
        value={"nested": [1, None, 2.5]},
    )
    assert client.receive(server.activities([told])) == [ActivitiesReceived((told,))]
