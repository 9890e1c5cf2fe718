"""What is told of a call beside its words, and that no word, digit or secret is among it."""

import json
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from pydantic import Field, SecretStr

from bots.core.activities import Activity, event, message
from bots.core.catalogue import of
from bots.core.errors import Fault
from bots.core.params.declare import BOT_SETTABLE, Level, Param, ParamSet
from bots.core.params.resolve import MASK, Layer, Resolved, resolve
from calls.core import commands, events
from calls.core.chronicle import MAX_NAMES, WITHHELD, Chronicle, Happening, no_input
from calls.core.dialout import DialoutOrder

pytestmark = pytest.mark.pure

HOSTILE = "\x00\ud800<b>" + "1" * 1_000_000


class Extra(ParamSet):
    """Parameters of every kind."""

    SECTION: ClassVar[str] = "Extra"
    pin: Annotated[SecretStr, Param(help="A secret.", secret=True, levels=BOT_SETTABLE)] = Field(
        SecretStr(""), alias="testPin"
    )
    mode: Annotated[Literal["slow", "fast"], Param(help="A choice.", levels=BOT_SETTABLE)] = Field(
        "slow", alias="testMode"
    )
    words: Annotated[str, Param(help="A text.", levels=BOT_SETTABLE)] = Field("", alias="testWords")
    count: Annotated[int, Param(help="A number.", levels=BOT_SETTABLE)] = Field(
        0, alias="testCount"
    )


CATALOGUE = of(()).with_sections([Extra])
CONFIGURED = resolve(CATALOGUE, [Layer(Level.BOT, "bot demo", {"testCount": 1})])


@pytest.fixture
def chronicle() -> Chronicle:
    return Chronicle(CONFIGURED, {"stt": "ears", "bot": "brain"})


def told(happening: Happening | None) -> tuple[str, str, dict[str, Any]]:
    assert happening is not None
    json.dumps(happening.detail).encode()
    assert "\x00" not in happening.name + str(happening.detail)
    return happening.source, happening.name, happening.detail


def activity(**fields: Any) -> Activity:
    return event("config", **fields)


def test_of_an_activity_only_harmless_values_are_told(chronicle: Chronicle) -> None:
    params = {
        "bargeIn": True,
        "testCount": 7,
        "testMode": "fast",
        "testWords": "Your balance is 17 euro",
        "testPin": "4711",
        "hangupReason": "goodbye",
        "dtmfDigits": 4711,
        "userNoInputTimeoutMS": 1.5,
    }
    spoke = events.BotSpoke(activity(activity_params=params, session_params={"testMode": "none"}))
    source, name, detail = told(chronicle.of(spoke))
    assert (source, name) == ("bot", "config")
    assert detail["activityParams"] == {
        "bargeIn": True,
        "testCount": 7,
        "testMode": "fast",
        "testWords": WITHHELD,
        "testPin": WITHHELD,
        "hangupReason": WITHHELD,
        "dtmfDigits": WITHHELD,
        "userNoInputTimeoutMS": 1.5,
    }
    assert detail["sessionParams"] == {"testMode": WITHHELD}


def test_an_outbound_call_is_dialled_before_it_is_answered(chronicle: Chronicle) -> None:
    order = DialoutOrder(dialout_id="", bot="demo", target="tel:+15550123")
    arrived = events.CallArrived(start=event("start"), dialout=order)
    assert told(chronicle.of(arrived)) == ("gateway", "dialout", {})
    assert told(chronicle.of(commands.AcceptCall())) == ("gateway", "dialing", {})


@pytest.mark.parametrize("value", [None, 1 << 60, ["a"], {"a": 1}, float("inf")])
def test_values_of_other_kinds_do_no_harm(chronicle: Chronicle, value: Any) -> None:
    spoke = events.BotSpoke(activity(activity_params={"testCount": value}))
    _, _, detail = told(chronicle.of(spoke))
    kept = detail["activityParams"]["testCount"]
    assert kept in (None, WITHHELD)


def test_words_in_messages_values_and_digits_are_never_told(chronicle: Chronicle) -> None:
    secret = "xyzzy"
    happened: list[events.Event | commands.Command] = [
        events.BotSpoke(message(secret)),
        events.BotSpoke(event("sendMetaData", value={secret: secret})),
        events.CallStarted(event("start", parameters={"caller": secret})),
        events.VoiceSideReported(event("DTMF", value=secret)),
        events.CallerSaid(text=secret, final=True, confidence=0.5),
        events.CallerSaid(text=secret, final=False),
        events.DigitsPressed("4711"),
        events.TransferDone(succeeded=False, reason=secret, reason_code="busy"),
        events.CallerHungUp(reason_code="client-disconnected", reason=secret),
        events.MetaDataSent(secret),
        commands.SendToBot(message(secret)),
        commands.SendToVoiceSide(message(secret)),
        commands.Play(
            utterance=1, text=secret, language="", voice="", interruptible=True, cache=False
        ),
        commands.RecordLine(at=0.0, side="bot", kind="speech", text=secret),
        commands.HangUp(reason_code="bot-disconnected", reason=secret),
    ]
    tellings = [chronicle.of(each) for each in happened]
    text = str([msgspec.structs.asdict(each) for each in tellings if each is not None])
    assert secret not in text
    assert "4711" not in text


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (events.CallArrived(start=event("start")), ("voice", "arrived", {})),
        (
            events.CallArrived(start=event("start"), sip_headers={"X-B": ("1",), "X-A": ("2",)}),
            ("voice", "arrived", {"sipHeaders": ["X-A", "X-B"]}),
        ),
        (events.BotJoined(), ("bot", "joined", {})),
        (events.BotSpoke(message("Hi")), ("bot", "message", {})),
        (events.BotSpoke(Activity(type="event")), ("bot", "unnamed", {})),
        (events.BotLeft(), ("bot", "left", {})),
        (events.CallerSaid(text="", final=True), ("gateway", "not-understood", {})),
        (events.CallerSaid(text="yes", final=True), ("gateway", "recognised", {})),
        (
            events.CallerSaid(text="yes", final=True, confidence=0.75),
            ("gateway", "recognised", {"confidence": 0.75}),
        ),
        (events.DigitsPressed("12#"), ("voice", "dtmf", {"digits": 3})),
        (events.TransferDone(succeeded=True), ("voice", "transfer", {"succeeded": True})),
        (
            events.TransferDone(succeeded=False),
            ("voice", "transfer", {"succeeded": False, "reasonCode": "error"}),
        ),
        (
            events.CallerHungUp(reason_code="client-disconnected", reason=""),
            ("voice", "hangup", {"reasonCode": "client-disconnected"}),
        ),
        (events.LegLost(), ("voice", "connection-lost", {})),
        (events.LegResumed(), ("voice", "connection-back", {})),
        (
            events.PlayUrlFailed(utterance=1, reason="HTTP 404"),
            ("gateway", "file-failed", {"reason": "HTTP 404"}),
        ),
        (events.MetaDataSent(), ("gateway", "metadata", {"sent": True})),
        (events.MetaDataSent("HTTP 500"), ("gateway", "metadata", {"sent": False})),
        (
            events.EndRequested(by="operator", reason_code="error", reason=""),
            ("operator", "end-requested", {}),
        ),
        (
            events.EndRequested(by="gateway", reason_code="error", reason="", cause="shutdown"),
            ("gateway", "end-requested", {"cause": "shutdown"}),
        ),
        (commands.AcceptCall(), ("gateway", "accepted", {})),
        (commands.ReportAnswer(), ("voice", "answered", {})),
        (
            commands.ReportMachine(detected="machine", after_ms=2900),
            ("gateway", "machine-detection", {"detected": "machine", "afterMs": 2900}),
        ),
        (commands.SendToBot(event("start")), ("gateway", "start", {"to": "bot"})),
        (commands.SendToVoiceSide(event("config")), ("gateway", "config", {"to": "voice"})),
        (
            commands.TransferCall(target="tel:1", reason="", activity=event("transfer")),
            ("gateway", "transferring", {}),
        ),
        (
            commands.HangUp(reason_code="bot-disconnected", reason=""),
            ("gateway", "hangup", {"reasonCode": "bot-disconnected"}),
        ),
        (commands.ShowState("thinking"), ("gateway", "state", {"state": "thinking"})),
        (
            commands.ReportFault(service="stt", fault=Fault.TIMEOUT, detail="no result"),
            (
                "gateway",
                "fault",
                {"service": "stt", "fault": "timeout", "provider": "ears", "detail": "no result"},
            ),
        ),
        (
            commands.ReportFault(service="channel", fault=Fault.SERVER),
            ("gateway", "fault", {"service": "channel", "fault": "server"}),
        ),
        (
            commands.Finish(
                at=0, ended_by="bot", reason_code="bot-disconnected", reason="", turns=1
            ),
            ("gateway", "ended", {"by": "bot", "reasonCode": "bot-disconnected"}),
        ),
        (
            commands.Finish(
                at=0, ended_by="gateway", reason_code="e", reason="", turns=1, cause="c"
            ),
            ("gateway", "ended", {"by": "gateway", "reasonCode": "e", "cause": "c"}),
        ),
        (
            commands.RecordAct(by="anna", name="say", detail={"interrupt": True}, muted=False),
            ("operator", "say", {"by": "anna", "interrupt": True}),
        ),
        (
            commands.RecordReport(name="connected", detail={"request_id": "r-1"}),
            ("bot", "agent-connected", {"request_id": "r-1"}),
        ),
        (
            commands.RecordReport(name="latency", detail={"stt_ms": 120, "think_ms": 410.5}),
            ("bot", "agent-latency", {"stt_ms": 120, "think_ms": 410.5}),
        ),
        (commands.RecordReport(name="audio_done", detail={}), ("bot", "agent-audio-done", {})),
    ],
)
def test_every_happening_has_its_source_and_name(
    chronicle: Chronicle, what: Any, expected: tuple[str, str, dict[str, Any]]
) -> None:
    assert told(chronicle.of(what)) == expected


def test_of_what_a_voice_agent_reports_no_word_of_the_conversation_is_told(
    chronicle: Chronicle,
) -> None:
    called = {"id": "f-1", "name": "look_up", "arguments": {"pin": "1234"}, "client_side": True}
    assert told(chronicle.of(commands.RecordReport(name="function_call", detail=called))) == (
        "bot",
        "agent-function-call",
        {"id": "f-1", "name": "look_up", "arguments": WITHHELD, "client_side": True},
    )
    thought = commands.RecordReport(name="thinking", detail={"content": "They sound angry."})
    assert told(chronicle.of(thought))[2] == {"content": WITHHELD}


def test_what_a_voice_agent_reports_stays_small(chronicle: Chronicle) -> None:
    detail: dict[str, Any] = {str(n): HOSTILE for n in range(1000)}
    detail |= {"code": HOSTILE}
    hostile = {"code": HOSTILE, "description": 1 << 80, HOSTILE: 1} | detail
    happening = told(chronicle.of(commands.RecordReport(name="error", detail=hostile)))
    assert len(json.dumps(happening)) < 10_000
    assert happening[2]["description"] == WITHHELD
    nothing = commands.RecordReport(name="latency", detail={"stt_ms": float("nan"), "x": []})
    assert told(chronicle.of(nothing))[2] == {"stt_ms": WITHHELD, "x": WITHHELD}


def test_silence_of_the_caller_is_told_with_its_number() -> None:
    assert told(no_input(2)) == ("gateway", "no-input", {"times": 2})


@pytest.mark.parametrize(
    "what",
    [events.VoiceStarted(), events.DeadlinePassed(), commands.OpenBot(), commands.Listen(on=True)],
)
def test_what_is_seen_elsewhere_is_not_told(chronicle: Chronicle, what: Any) -> None:
    assert chronicle.of(what) is None


def changed(chronicle: Chronicle, *layers: Layer) -> Happening | None:
    in_force: Resolved = CONFIGURED
    for layer in layers:
        in_force = in_force.overlay(layer)
    return chronicle.of(commands.UseParameters(in_force))


def test_parameters_set_at_run_time_are_told_with_value_and_origin(chronicle: Chronicle) -> None:
    bot = Layer(Level.SESSION, "bot at run time", {"testCount": 7, "testPin": "4711"})
    assert told(changed(chronicle, bot)) == (
        "bot",
        "parameters",
        {"testCount": [7, "bot at run time"], "testPin": [MASK, "bot at run time"]},
    )
    assert changed(chronicle, bot) is None
    assert told(changed(chronicle)) == (
        "bot",
        "parameters",
        {"testCount": [1, "bot demo"], "testPin": ["", "default"]},
    )


def test_parameters_that_people_set_or_take_back_are_theirs(chronicle: Chronicle) -> None:
    live = next(each.wire_name for each in CATALOGUE if each.param.live)
    default = CONFIGURED.values()[live]
    anna = Layer(Level.SUPERVISOR, "anna", {live: default})
    assert told(changed(chronicle, anna)) == ("operator", "parameters", {live: [default, "anna"]})
    source, _, detail = told(changed(chronicle))
    assert source == "operator"
    assert detail[live][1] == "default"


def test_a_secret_that_a_person_sets_is_masked(chronicle: Chronicle) -> None:
    detail = {"parameter": "testPin", "value": "4711"}
    act = commands.RecordAct(by="anna", name="set", detail=detail, muted=False)
    assert told(chronicle.of(act))[2] == {"by": "anna", "parameter": "testPin", "value": MASK}
    taken = {"parameter": "testPin", "value": None}
    act = commands.RecordAct(by="anna", name="set", detail=taken, muted=False)
    assert told(chronicle.of(act))[2]["value"] == ""


@pytest.mark.parametrize("value", ["x" * 5_000, "a\x00b", object(), "\ud800"])
def test_values_that_cannot_be_kept_are_withheld(chronicle: Chronicle, value: Any) -> None:
    act = commands.RecordAct(by="anna", name="set", detail={"value": value}, muted=False)
    assert told(chronicle.of(act))[2]["value"] == WITHHELD


def test_whatever_peers_write_stays_small(chronicle: Chronicle) -> None:
    many = {HOSTILE + str(number): HOSTILE for number in range(3 * MAX_NAMES)}
    happened: list[Any] = [
        events.CallArrived(start=event("start"), sip_headers=dict.fromkeys(many, ())),
        events.BotSpoke(event(HOSTILE, activity_params=many, session_params=many)),
        events.CallerHungUp(reason_code=HOSTILE, reason=HOSTILE),
        events.TransferDone(succeeded=False, reason_code=HOSTILE),
        events.PlayUrlFailed(utterance=1, reason=HOSTILE),
        commands.ReportFault(service="bot", fault=Fault.SERVER, detail=HOSTILE),
        commands.RecordAct(by=HOSTILE, name="say", detail={"x": HOSTILE}, muted=False),
    ]
    for each in happened:
        _, name, detail = told(chronicle.of(each))
        assert len(name) <= 64
        assert len(json.dumps(detail)) < 20_000


def test_numbers_that_json_lacks_are_told_as_nothing(chronicle: Chronicle) -> None:
    detail = {"value": [float("nan"), float("inf")]}
    act = commands.RecordAct(by="anna", name="set", detail=detail, muted=False)
    assert told(chronicle.of(act))[2]["value"] == [None, None]
