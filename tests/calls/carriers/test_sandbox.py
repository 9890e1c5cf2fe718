"""The sandbox carrier against a real session host and a script bot, in no time."""

import asyncio
import re
from typing import Any

import pytest

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.registry import NoParams
from calls.carriers.sandbox import Sandbox, SandboxParams
from calls.carriers.sandbox_numbers import CALLEES, callee_at, holds_reply
from calls.core.dialout import DialoutOrder
from calls.dialout.port import CarrierBusy, CarrierRefused
from tests.calls.carriers.desk import Office, configured, order
from tests.calls.media.leaping import leap
from tests.plugins import CHAR_MS, VOCABULARY

pytestmark = pytest.mark.layer

SAYS = ["my bill", "no"]


def placed(target: str, *, speech: bool = False, **params: Any) -> tuple[Office, DialoutOrder]:
    """The one call to ``target``, carried to its end."""

    async def go() -> tuple[Office, DialoutOrder]:
        office = Office(configured("sandbox", speech=speech, **params))
        wanted = order(target, metadata={"case": 7}, answer_timeout_s=20)
        assert await office.carrier.place(wanted, office.desk) == wanted.dialout_id
        await office.until_idle()
        return office, wanted

    return leap(go())


def refused(target: str, office: Office | None = None) -> CarrierRefused:
    async def go() -> None:
        at = office or Office(configured("sandbox"))
        await at.carrier.place(order(target), at.desk)

    with pytest.raises(CarrierRefused) as caught:
        leap(go())
    return caught.value


def test_a_callee_talks_with_the_bot_and_the_bot_hangs_up() -> None:
    office, wanted = placed("tel:+12025550100", sandboxSays=SAYS)
    assert office.lines == [
        ("bot", "How can I help you?"),
        ("caller", "my bill"),
        ("bot", "Forty dollars. Anything else?"),
        ("caller", "no"),
        ("bot", "Goodbye."),
    ]
    assert (office.end.ended_by, office.end.reason_code) == ("bot", "bot-disconnected")
    assert office.answered
    opening = office.opening
    assert (opening.direction, opening.channel, opening.is_test) == ("outbound", "sandbox", True)
    assert (opening.caller, opening.callee) == ("+15550123", "+12025550100")
    assert opening.conversation_id == wanted.dialout_id
    assert opening.mode == "text"


def test_a_callee_who_has_said_everything_hangs_up() -> None:
    office, _ = placed("sip:talks@sandbox", sandboxSays=["my bill"])
    assert (office.end.ended_by, office.end.reason_code) == ("caller", "client-disconnected")
    assert len(office.lines) == 3


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("busy", "busy", "Busy here"),
        ("no-answer", "no-answer", "No answer"),
        ("declines", "declined", "Declined"),
        ("fails", "error", "The target cannot be reached"),
    ],
)
def test_a_call_that_is_not_answered_says_why(name: str, code: str, reason: str) -> None:
    office, _ = placed(f"sip:{name}@sandbox")
    assert (office.end.reason_code, office.end.reason) == (code, reason)
    assert not office.answered
    assert office.lines == []


def test_it_rings_no_longer_than_the_order_says() -> None:
    office, _ = placed("sip:talks@sandbox", sandboxRingMs=30_000)
    assert office.end.reason_code == "no-answer"
    rang_s = (office.end.ended_at - office.opening.started_at).total_seconds()
    assert rang_s == pytest.approx(20, abs=1)


def test_a_silent_callee_says_nothing_and_gives_up_at_last() -> None:
    office, _ = placed("sip:silent@sandbox")
    assert [side for side, _ in office.lines] == ["bot"]
    assert office.end.reason_code == "client-disconnected"


def test_a_machine_greets_and_says_no_more() -> None:
    office, _ = placed("sip:voicemail@sandbox", sandboxGreeting="Nobody is at home.")
    heard = [text for side, text in office.lines if side == "caller"]
    assert heard == ["Nobody is at home."]


def test_a_callee_may_hang_up_at_once() -> None:
    office, _ = placed("sip:hangs-up@sandbox")
    assert office.answered
    assert office.end.reason_code == "client-disconnected"


def test_a_transfer_is_answered() -> None:
    office, _ = placed("sip:transfer@sandbox")
    assert (office.end.ended_by, office.end.reason_code) == ("bot", "transferred")


@pytest.mark.parametrize("notified", [True, False])
def test_a_transfer_finds_the_line_busy(*, notified: bool) -> None:
    office, _ = placed("sip:transfer-fails@sandbox", transferNotifications=notified)
    assert office.end.reason_code in ("error", "client-disconnected")
    assert office.end.reason_code != "transferred"


def test_the_line_breaks_during_the_call() -> None:
    office, _ = placed("sip:drops@sandbox")
    assert office.answered
    assert (office.end.reason_code, office.end.cause) == ("error", "connection-lost")


def test_keys_are_pressed() -> None:
    office, _ = placed("sip:keys@sandbox", sandboxKeys="12", sendDTMF=True)
    pressed = [text for side, text in office.lines if side == "caller"]
    assert "".join(pressed) == "12"


def test_the_bot_gets_the_dialers_metadata_and_the_target() -> None:
    async def go() -> tuple[Office, DialoutOrder]:
        office = Office(configured("sandbox", bot="table", tableAnswers={"start": ["Hi."]}))
        wanted = order("sip:hangs-up@sandbox", metadata={"case": 7})
        await office.carrier.place(wanted, office.desk)
        await office.until_idle()
        return office, wanted

    office, _ = leap(go())
    (session,) = office.bot.sessions
    start = next(activity for activity in session.heard if activity.name == "start")
    assert start.parameters is not None
    assert start.parameters["outboundTarget"] == "sip:hangs-up@sandbox"
    assert start.parameters["dialoutMetadata"] == {"case": 7}


def test_the_carrier_refuses_an_order_and_a_number_that_it_does_not_have() -> None:
    assert "as it is meant to" in refused("tel:+12025550109").reason
    for target in ("tel:+15550100", "sip:talks@example.com", "tel:+12025550199"):
        problem = refused(target)
        assert problem.reason_code == "error"
        assert "+12025550100 (talks)" in problem.reason
        assert target not in problem.reason
        assert len(problem.reason) <= 500


def test_a_process_without_room_is_busy(settings: Any) -> None:
    settings.MAX_CALLS = 0

    async def go() -> None:
        office = Office(configured("sandbox"))
        await office.carrier.place(order("sip:talks@sandbox"), office.desk)

    with pytest.raises(CarrierBusy):
        leap(go())


def test_a_second_call_for_the_same_order_is_refused() -> None:
    async def go() -> None:
        office = Office(configured("sandbox"))
        wanted = order("sip:silent@sandbox")
        await office.carrier.place(wanted, office.desk)
        with pytest.raises(CarrierRefused):
            await office.carrier.place(wanted, office.desk)
        await office.carrier.cancel(wanted, "", office.desk)
        await office.until_idle()

    leap(go())


def test_a_late_carrier_takes_the_order_after_three_seconds() -> None:
    async def go() -> float:
        office = Office(configured("sandbox", sandboxSays=SAYS))
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        await office.carrier.place(order("sip:slow@sandbox"), office.desk)
        took_s = clock() - asked_at
        await office.until_idle()
        assert office.answered
        return took_s

    assert 3 <= leap(go()) < 4


def test_an_answer_overtakes_the_reply() -> None:
    async def go() -> tuple[bool, bool]:
        answered = []
        for name in ("overtakes", "talks"):
            office = Office(configured("sandbox", sandboxSays=SAYS))
            await office.carrier.place(order(f"sip:{name}@sandbox"), office.desk)
            answered.append(office.answered)
            await office.until_idle()
        return answered[0], answered[1]

    assert leap(go()) == (True, False)
    assert holds_reply("tel:+12025550113")
    assert not holds_reply("tel:+12025550100")
    assert not holds_reply("tel:+15550100")


def test_a_ringing_call_is_cancelled_and_an_answered_one_is_not() -> None:
    async def go() -> tuple[Office, Office]:
        ringing, talking = Office(configured("sandbox")), Office(configured("sandbox"))
        wanted = order("sip:no-answer@sandbox")
        await ringing.carrier.place(wanted, ringing.desk)
        await asyncio.sleep(2)
        await ringing.carrier.cancel(wanted, wanted.dialout_id, ringing.desk)
        await ringing.until_idle()
        await ringing.carrier.cancel(wanted, wanted.dialout_id, ringing.desk)

        wanted = order("sip:overtakes@sandbox")
        await talking.carrier.place(wanted, talking.desk)
        await talking.carrier.cancel(wanted, wanted.dialout_id, talking.desk)
        assert talking.host.calls == 1
        await talking.until_idle()
        return ringing, talking

    ringing, talking = leap(go())
    assert not ringing.answered
    assert talking.lines


def test_a_bot_that_hangs_up_while_it_rings_is_obeyed() -> None:
    async def go() -> Office:
        office = Office(configured("sandbox"))
        wanted = order("sip:no-answer@sandbox", answer_timeout_s=600)
        await office.carrier.place(wanted, office.desk)
        await asyncio.sleep(2)
        session = office.host.find("test", wanted.dialout_id)
        assert session is not None
        session.leg.hang_up(reason_code="bot-disconnected", reason="Cancelled")
        await office.until_idle()
        return office

    office = leap(go())
    assert not office.answered
    assert (office.end.ended_at - office.opening.started_at).total_seconds() < 10


def spoken(word: str) -> str:
    """A text that the test voice speaks so that the test recogniser hears ``word``."""
    steps = next(steps for steps, heard in VOCABULARY.items() if heard == word)
    return "x" * (steps * 100 // CHAR_MS)


@pytest.fixture
def _test_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calls.testcall.speech.SYNTHESISER", "tones")


@pytest.mark.usefixtures("_test_voice")
def test_a_callee_speaks_and_hears_the_bot_speak() -> None:
    says = [spoken("my bill"), spoken("no")]
    office, _ = placed("sip:talks@sandbox", speech=True, sandboxSays=says)
    assert office.opening.mode == "voice"
    assert office.lines == [
        ("bot", "How can I help you?"),
        ("caller", "my bill"),
        ("bot", "Forty dollars. Anything else?"),
        ("caller", "no"),
        ("bot", "Goodbye."),
    ]
    assert office.end.reason_code == "bot-disconnected"
    assert office.end.frames_in > 100


@pytest.mark.usefixtures("_test_voice")
def test_a_machine_speaks_its_greeting_and_a_tone() -> None:
    impatient = {"userNoInputTimeoutMS": 1000, "userNoInputRetries": 1}
    office, _ = placed(
        "sip:voicemail@sandbox",
        speech=True,
        sandboxGreeting="x" * 40,
        userNoInputSendEvent=True,
        **impatient,
    )
    # The greeting lasts 800 ms, and the tone 500 ms: the words that the test recogniser knows.
    assert [text for side, text in office.lines if side == "caller"] == ["goodbye", "my bill"]
    assert office.end.ended_by == "bot"


class Mute:
    """A synthesiser that fails."""

    fault = Fault.INVALID_REQUEST

    def __init__(self, params: NoParams, credentials: NoParams) -> None:
        pass

    async def synthesise(self, _request: object) -> Any:
        for fault in (self.fault,):
            raise ServiceError("tts", fault, "no engine")
        yield b""


@pytest.fixture
def _mute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    registry.register("tts", "mute", "Mute")(Mute)
    monkeypatch.setattr("calls.testcall.speech.SYNTHESISER", "mute")


@pytest.mark.usefixtures("_mute")
@pytest.mark.parametrize(
    ("fault", "problem"),
    [(Fault.INVALID_REQUEST, CarrierRefused), (Fault.TIMEOUT, CarrierBusy)],
)
def test_without_a_voice_for_its_callee_the_order_is_not_taken(
    fault: Fault, problem: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mute, "fault", fault)

    async def go() -> None:
        office = Office(configured("sandbox", speech=True))
        await office.carrier.place(order("sip:talks@sandbox"), office.desk)

    with pytest.raises(problem, match="voice"):
        leap(go())


@pytest.mark.usefixtures("_mute")
def test_who_does_not_answer_needs_no_voice() -> None:
    office, _ = placed("sip:busy@sandbox", speech=True)
    assert office.end.reason_code == "busy"


def test_every_number_is_reserved_for_fiction_and_described() -> None:
    for callee in CALLEES:
        assert re.fullmatch(r"\+120255501\d\d", callee.number)
        assert callee.summary.endswith(".")
        for target in (f"tel:{callee.number}", callee.number, callee.sip):
            assert callee_at(target) is callee
    assert len({callee.number for callee in CALLEES}) == len(CALLEES)


def test_the_carrier_is_a_plug_in() -> None:
    plugin = registry.plugin("carrier", "sandbox")
    assert isinstance(plugin.factory(SandboxParams(), NoParams()), Sandbox)
