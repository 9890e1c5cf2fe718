"""Test calls from the console over their WebSocket: conversations, audio, loss, bounds, rights."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from structlog.testing import capture_logs

from bots.models import AuditEvent, Bot
from bots.selectors import call_configuration
from bots.services.bots import bot_update
from calls.channels import browser, browser_consumer, browser_messages
from calls.database import db
from calls.models import Call
from calls.routing import websocket_urlpatterns
from tests.plugins import CHAR_MS, silence, tone
from tests.worlds import World, with_role
from tests.worlds import browser as browser_of

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

PATIENCE_S = 5.0
GREETING = {
    "start": ["Welcome."],
    "my bill": ["Forty dollars."],
    "bye": [{"name": "hangup"}],
    "DTMF": ["One."],
    "operator": [{"name": "transfer", "activityParams": {"transferTarget": "tel:+15550123"}}],
}

Dial = Callable[..., Awaitable["Page"]]


class Page:
    """A page that calls a bot, as the gateway sees it."""

    def __init__(self, session: Any, bot: str = "table") -> None:
        application: Any = URLRouter(websocket_urlpatterns)
        self.socket = WebsocketCommunicator(application, f"/ws/call/{bot}")
        self.socket.scope["session"] = session
        self.socket.scope["client"] = ["192.0.2.7", 40_000]
        self.seen: list[dict[str, Any]] = []
        self.audio: dict[int, bytes] = {}
        self.after_flush = b""
        self._flushed: set[int] = set()

    async def open(self) -> None:
        assert await self.socket.connect(timeout=PATIENCE_S) == (True, None)

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send_to(text_data=json.dumps({"t": kind, **fields}))

    async def until(self, t: str, **fields: Any) -> dict[str, Any]:
        """The next message of kind ``t`` with these fields; all are kept in ``seen``."""
        while True:
            message = await self.next()
            if message.get("t") == t and fields.items() <= message.items():
                return message

    async def next(self) -> dict[str, Any]:
        """The next message; empty for audio, which is kept in ``audio``."""
        output = await self.socket.receive_output(timeout=PATIENCE_S)
        assert output["type"] == "websocket.send", (output, self.seen)
        if output.get("bytes"):
            self._hear(output["bytes"])
            return {}
        message: dict[str, Any] = json.loads(output["text"])
        self.seen.append(message)
        if message["t"] == "stop" and message["flush"]:
            self._flushed.add(message["utterance"])
        return message

    def played_ms(self, utterance: int) -> float:
        """How much audio of ``utterance`` has come."""
        return len(self.audio.get(utterance, b"")) / 32

    def _hear(self, data: bytes) -> None:
        utterance = int.from_bytes(data[:4], "little")
        self.audio[utterance] = self.audio.get(utterance, b"") + data[4:]
        if utterance in self._flushed:
            self.after_flush += data[4:]

    async def speak(self, pcm: bytes) -> None:
        """The caller's voice in frames of 20 ms, as fast as people speak."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(pcm), 640):
            await self.socket.send_to(bytes_data=pcm[at : at + 640])
            due += 0.02
            await asyncio.sleep(due - loop.time())

    async def closed(self) -> int:
        """The code with which the gateway closes, after whatever it still has to say."""
        while True:
            output = await self.socket.receive_output(timeout=PATIENCE_S)
            if output["type"] == "websocket.close":
                await self.socket.wait()
                return int(output["code"])

    async def leave(self) -> None:
        """Hang up, if there is anything to hang up."""
        if not self.socket.future.done():
            await self.say("hangup")
            await self.drop()

    async def drop(self) -> None:
        """The network goes away."""
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1006})
        await self.socket.wait(PATIENCE_S)


@pytest.fixture
async def dial(host: Any, world: World) -> AsyncIterator[Dial]:
    """``await dial(audio=False)`` answers a page whose call was asked for."""
    pages: list[Page] = []

    async def open_page(user: User | None = None, bot: str = "table", **call: Any) -> Page:
        session = (await db(browser_of, user or world.people["operator"])).session
        page = Page(session, bot)
        pages.append(page)
        await page.open()
        if call:
            await page.say("call", **call)
        return page

    yield open_page
    for page in pages:
        await page.leave()


# --- conversations --------------------------------------------------------------------------------


async def test_a_chat_is_a_call_like_any_other_marked_as_a_test(
    make_bot: Any, dial: Dial, records: Any, lines: Any
) -> None:
    await make_bot(GREETING, sendDTMF=True)
    page = await dial(audio=False, caller="+15550100", callee="+15550199")
    accepted = await page.until("accepted")
    assert (accepted["bot"], accepted["audio"]) == ("table", False)
    await page.until("line", text="Welcome.", side="bot", n=1)
    await page.say("say", text="my bill")
    await page.until("line", text="Forty dollars.")
    await page.say("dtmf", digits="1")
    await page.until("line", kind="dtmf", text="1")
    await page.say("hangup")
    ended = await page.until("ended")
    assert (ended["ended_by"], ended["reason_code"]) == ("caller", "client-disconnected")
    assert await page.closed() == 1000
    (record,) = await records()
    assert str(record.pk) == accepted["call"]
    assert (record.channel, record.mode, record.is_test) == ("browser", "text", True)
    assert (record.caller, record.callee) == ("+15550100", "+15550199")
    assert [text for _, text, _ in await lines(record)][:4] == [
        "Welcome.", "my bill", "Forty dollars.", "1",
    ]  # fmt: skip
    turn = next(message for message in page.seen if message["t"] == "turn")
    assert turn["times"]["turn"] == 1


async def test_the_person_and_the_bot_are_who_calls_whom_unless_told(
    make_bot: Any, dial: Dial, records: Any
) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    await page.until("accepted")
    (record,) = await records()
    assert (record.caller, record.callee) == ("operator", "table")


async def test_the_caller_is_heard_and_the_bot_speaks(make_bot: Any, dial: Dial) -> None:
    await make_bot(GREETING)
    page = await dial(audio=True)
    assert (await page.until("accepted"))["rate_hz"] == 16000
    prompt = await page.until("play", text="Welcome.")
    await page.until("stop", utterance=prompt["utterance"], flush=False)
    assert len(page.audio[prompt["utterance"]]) == 32 * CHAR_MS * len("Welcome.")
    await page.until("state", state="listening")
    await page.speak(silence(200) + tone(500) + silence(900))
    await page.until("voice", speaking=True)
    await page.until("heard", text="my bill", final=True)
    await page.until("line", side="caller", text="my bill")
    await page.until("play", text="Forty dollars.")


async def test_barge_in_flushes_and_the_transcript_shows_what_the_loudspeaker_played(
    make_bot: Any, dial: Dial, records: Any, lines: Any
) -> None:
    long = "One two three four five six seven eight nine ten eleven twelve."
    await make_bot({"start": [long]}, bargeIn=True)
    page = await dial(audio=True)
    prompt = await page.until("play", text=long)
    while page.played_ms(prompt["utterance"]) < 900:
        await page.next()
    await page.say("played", utterance=prompt["utterance"], ms=8 * CHAR_MS)
    await page.speak(tone(300))
    await page.until("stop", utterance=prompt["utterance"], flush=True)
    line = await page.until("line", side="bot")
    # More than 0.7 s had been sent and was due; the page told of 0.16 s and then nothing.
    assert line["full_text"] == long
    assert line["text"] in ("One", "One two", "One two three")
    assert page.after_flush == b""


async def test_what_was_heard_is_what_the_page_last_told_and_a_little_more(
    make_bot: Any, host: Any
) -> None:
    await make_bot(GREETING)
    now = 100.0
    sent: list[str | bytes | int] = []
    leg = browser.BrowserLeg(
        bot="table",
        configuration=await db(call_configuration, "table"),
        tester=browser.Tester(
            user_id=1, name="me", token_for=str, conversation_of=lambda token: token
        ),
        host=host,
        send=sent.append,
        close=sent.append,
        clock=lambda: now,
    )
    leg.receive('{"t":"call","audio":false}')
    assert leg.heard_ms(2) is None
    leg.receive('{"t":"played","utterance":2,"ms":150}')
    assert leg.heard_ms(1) is None
    assert leg.heard_ms(3) == 0
    now += 0.1
    assert leg.heard_ms(2) == pytest.approx(250)
    now += 60
    assert leg.heard_ms(2) == pytest.approx(150 + 1000 * browser.REPORT_HOLDS_S)
    sent.clear()
    leg.lost()
    assert sent == [1000]  # a page that is gone is told nothing, not even the end


async def test_nothing_is_written_into_a_spoken_call(make_bot: Any, dial: Dial) -> None:
    await make_bot(GREETING, sendDTMF=True)
    page = await dial(audio=True)
    await page.until("state", state="listening")
    await page.say("say", text="my bill")
    await page.say("dtmf", digits="1")
    assert (await page.until("line", side="caller"))["kind"] == "dtmf"


async def test_a_bot_that_hangs_up_ends_the_call_with_its_reason(
    make_bot: Any, dial: Dial, records: Any
) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    await page.until("accepted")
    await page.say("say", text="bye")
    ended = await page.until("ended")
    assert (ended["ended_by"], ended["reason_code"]) == ("bot", "bot-disconnected")
    assert await page.closed() == 1000


@pytest.mark.parametrize(
    ("outcome", "by", "code"), [("answered", "bot", "transferred"), ("busy", "gateway", "error")]
)
async def test_the_tester_decides_what_becomes_of_a_transfer(
    make_bot: Any, dial: Dial, outcome: str, by: str, code: str
) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    await page.until("accepted")
    await page.say("say", text="operator")
    assert (await page.until("transfer"))["target"] == "tel:+15550123"
    await page.say("transferred", outcome=outcome)
    ended = await page.until("ended")
    assert (ended["ended_by"], ended["reason_code"]) == (by, code)


async def test_what_a_bot_tells_the_voice_side_is_shown(make_bot: Any, dial: Dial) -> None:
    digits = {"name": "sendDtmf", "activityParams": {"dtmfDigits": "12"}}
    await make_bot({"start": ["Hi.", digits]})
    page = await dial(audio=False)
    told = await page.until("activity")
    assert (told["name"], told["arguments"]) == ("sendDtmf", {"dtmfDigits": "12"})


async def test_the_way_to_the_gateway_can_be_timed(make_bot: Any, dial: Dial) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    await page.say("ping", at=12.5)
    assert (await page.until("pong"))["at"] == 12.5


# --- loss -----------------------------------------------------------------------------------------


async def test_a_lost_socket_goes_on_with_the_call_and_learns_what_it_missed(
    make_bot: Any, dial: Dial, records: Any, lines: Any
) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    token = (await page.until("accepted"))["token"]
    await page.until("line", text="Welcome.")
    await page.say("say", text="my bill")
    await page.until("line", text="my bill")
    await page.drop()
    again = await dial()
    await again.say("resume", token=token, since=1)
    assert (await again.until("accepted"))["audio"] is False
    assert (await again.until("line", side="caller"))["n"] == 2
    await again.until("line", text="Forty dollars.")
    assert next(message["n"] for message in again.seen if message["t"] == "line") == 2
    await again.say("hangup")
    assert (await again.until("ended"))["ended_by"] == "caller"
    (record,) = await records()
    assert record.ended_by == "caller"


async def test_a_token_is_good_for_its_person_and_bot_only(
    make_bot: Any, dial: Dial, world: World
) -> None:
    await make_bot(GREETING)
    await make_bot(GREETING, name="other")
    page = await dial(audio=False)
    token = (await page.until("accepted"))["token"]
    await page.drop()
    colleague = await db(with_role, "operator", name="colleague")
    for user, bot, shown in (
        (colleague, "table", token),
        (None, "other", token),
        (None, "table", token[:-2]),
        (None, "table", "nonsense"),
    ):
        thief = await dial(user, bot)
        await thief.say("resume", token=shown)
        assert (await thief.until("refused"))["reason"] == "The call is over."
        assert await thief.closed() == 1000
    again = await dial()
    await again.say("resume", token=token)
    await again.until("accepted")


async def test_the_token_of_a_call_that_is_over_resumes_nothing(make_bot: Any, dial: Dial) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    token = (await page.until("accepted"))["token"]
    await page.say("hangup")
    await page.until("ended")
    again = await dial()
    await again.say("resume", token=token)
    await again.until("refused")


# --- rights ---------------------------------------------------------------------------------------


async def test_only_people_who_may_place_test_calls_to_the_bot_get_a_call(
    make_bot: Any, host: Any, world: World
) -> None:
    bot = await make_bot(GREETING)
    other = await make_bot(GREETING, name="other")
    bound = await db(with_role, "operator", name="bound", bots=[other])
    codes = {}
    people = {**world.people, "newcomer": world.newcomer, "former": world.former, "bound": bound}
    for name, user in people.items():
        page = Page((await db(browser_of, user)).session, bot.name)
        await page.open()
        if name in ("operator", "administrator"):
            await page.drop()
        else:
            codes[name] = await page.closed()
    assert codes == {
        "viewer": 4403,
        "supervisor": 4403,
        "call-data-manager": 4403,
        "account-manager": 4403,
        "newcomer": 4403,
        "former": 4401,
        "bound": 4404,
    }
    stranger = Page(None, bot.name)
    await stranger.open()
    assert await stranger.closed() == 4401


@pytest.mark.parametrize("bot", ["nobody", "paused"])
async def test_a_bot_that_takes_no_calls_is_not_there(make_bot: Any, dial: Dial, bot: str) -> None:
    await make_bot(GREETING, name="paused")
    await db(Bot.objects.filter(name="paused").update, enabled=False)
    assert await (await dial(bot=bot)).closed() == 4404


async def test_every_call_is_on_record_in_the_audit_log(
    make_bot: Any, dial: Dial, world: World
) -> None:
    await make_bot(GREETING)
    page = await dial(audio=False)
    call = (await page.until("accepted"))["call"]
    await page.say("hangup")
    await page.until("ended")
    await page.closed()
    event = await db(AuditEvent.objects.get, action="call.test_placed")
    assert (event.actor, event.user_id) == ("operator", world.people["operator"].pk)
    assert (event.kind, event.target, event.title) == ("call", call, "table")
    assert event.address == "192.0.2.7"


async def test_a_call_ends_when_the_right_to_it_is_gone(
    make_bot: Any, dial: Dial, records: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_consumer, "RECHECK_SECONDS", 0.05)
    await make_bot(GREETING)
    page = await dial(audio=False)
    await page.until("accepted")
    await db(world.people["operator"].groups.clear)
    assert await page.closed() == 4403
    (record,) = await records()
    assert (record.ended_by, record.reason_code) == ("gateway", "error")


# --- bounds ---------------------------------------------------------------------------------------


async def test_a_person_has_so_many_calls_and_lost_ones_count(
    make_bot: Any, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "CALLS_PER_PERSON", 2)
    await make_bot(GREETING)
    first = await dial(audio=False)
    token = (await first.until("accepted"))["token"]
    await first.drop()
    second = await dial(audio=False)
    await second.until("accepted")
    refused = await dial(audio=False)
    assert "2 test calls" in (await refused.until("refused"))["reason"]
    await second.say("hangup")
    await second.until("ended")
    await second.closed()
    await (await dial(audio=False)).until("accepted")
    again = await dial()
    await again.say("resume", token=token)
    await again.until("accepted")


async def test_a_person_has_so_many_sockets(
    make_bot: Any, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_consumer, "SOCKETS_PER_PERSON", 1)
    await make_bot(GREETING)
    first = await dial(audio=False)
    await first.until("accepted")
    assert await (await dial()).closed() == 4429
    await first.say("hangup")
    assert await first.closed() == 1000
    await (await dial(audio=False)).until("accepted")


async def test_a_silent_socket_is_closed(
    make_bot: Any, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_consumer, "FIRST_FRAME_TIMEOUT_S", 0.01)
    await make_bot(GREETING)
    assert await (await dial()).closed() == 4408


async def test_nonsense_is_ignored_with_one_line_in_the_log(make_bot: Any, dial: Dial) -> None:
    await make_bot(GREETING, resumeGracePeriodMS=0)
    with capture_logs() as logs:
        page = await dial(audio=False)
        await page.until("accepted")
        await page.say("call", audio=False)
        await page.say("resume", token="x")
        await page.say("accepted")
        await page.socket.send_to(text_data="{" * 100_000)
        await page.socket.send_to(text_data="[" * 5_000)
        await page.socket.send_to(bytes_data=b"\x00")
        await page.socket.send_to(bytes_data=bytes(browser_messages.MAX_AUDIO_BYTES + 2))
        await page.say("say", text="my bill")
        await page.until("line", text="Forty dollars.")
        await page.drop()
    events = [entry["event"] for entry in logs if entry["event"].startswith("browser_call")]
    assert events == ["browser_call.frame_ignored", "browser_call.frames_ignored"]
    assert [entry["count"] for entry in logs if entry["event"] == events[1]] == [7]


async def test_more_audio_than_time_is_dropped(make_bot: Any, dial: Dial, records: Any) -> None:
    await make_bot(GREETING)
    page = await dial(audio=True)
    await page.until("accepted")
    for _ in range(60):
        await page.socket.send_to(bytes_data=silence(200))
    await page.say("ping", at=1)
    await page.until("pong")
    await page.say("hangup")
    await page.until("ended")
    (record,) = await records()
    assert record.frames_in < 30


async def test_a_flood_of_messages_is_ignored(make_bot: Any, dial: Dial) -> None:
    await make_bot({"start": ["Hi."]}, resumeGracePeriodMS=0)
    page = await dial(audio=False)
    await page.until("accepted")
    for _ in range(browser.MESSAGES_AT_ONCE + 50):
        await page.say("ping", at=1)
    await page.socket.send_to(bytes_data=silence(20))
    await asyncio.sleep(0)
    await page.drop()
    while not page.socket.output_queue.empty():
        page.seen.append(await page.socket.receive_output(timeout=1))
    pongs = [m for m in page.seen if "pong" in str(m.get("text", ""))]
    assert 50 < len(pongs) <= browser.MESSAGES_AT_ONCE + 5


async def test_a_browser_that_takes_nothing_is_closed(
    make_bot: Any, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_consumer, "MAX_UNSENT_FRAMES", 0)
    await make_bot(GREETING, resumeGracePeriodMS=0)
    page = await dial(audio=False)
    assert await page.closed() == 4408


# --- refusals -------------------------------------------------------------------------------------


async def test_a_bot_without_speech_is_for_the_text_chat(make_bot: Any, dial: Dial) -> None:
    bot = await make_bot(GREETING)
    await db(bot_update, bot=bot, expected_revision=1, author="test", stt_provider=None)
    page = await dial(audio=True)
    assert "text chat" in (await page.until("refused"))["reason"]
    await (await dial(audio=False)).until("accepted")


async def test_a_gateway_that_is_full_says_so(make_bot: Any, dial: Dial, settings: Any) -> None:
    settings.MAX_CALLS = 0
    await make_bot(GREETING)
    page = await dial(audio=False)
    assert "capacity" in (await page.until("refused"))["reason"]
    assert await db(Call.objects.count) == 0
