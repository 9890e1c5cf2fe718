"""Whole calls whose services fail: alarms come with the first calls and go with one that works."""

from typing import Any

import pytest
from django.db.models import F

from alarms.core import catalogue
from alarms.core.declare import AlarmType
from alarms.desk import Desk
from bots.core.activities import message
from bots.models import Bot, Provider
from bots.protocols.ac_bot_api import (
    Accepted,
    Errored,
    PlayStopped,
    SpeechRecognition,
    UserStreamOpen,
)
from calls.database import db
from calls.session import witness
from calls.session.host import SessionHost
from tests.calls.channels.conftest import VoiceSide
from tests.calls.health.conftest import Told, at_once
from tests.plugins import silence, tone

pytestmark = [pytest.mark.db, pytest.mark.once]

SETTINGS = {"speechDetectionSilencePeriodMS": 200}


@pytest.fixture
async def told(transactional_db: None, own_desk: Desk) -> Told:
    await db(at_once)
    await db(own_desk.flush)
    return Told(own_desk)


async def details(told: Told, kind: AlarmType) -> dict[str, str]:
    return await db(told.active, kind)


async def rehearse(kind: str, fault: str) -> None:
    """Let the recogniser or synthesiser of the table bot fail, or work with ``none``."""
    name = kind.capitalize()
    params = {f"rehearsal{name}Plugin": "tones", f"rehearsal{name}Fault": fault}
    provider = Provider.objects.filter(name=f"table-{kind}")
    await db(provider.update, plugin="rehearsal", params=params, revision=F("revision") + 1)


async def listening(side: VoiceSide) -> None:
    await side.until(Accepted)
    await side.start()
    await side.send(side.client.user_stream_start())
    await side.until(UserStreamOpen)


async def say(side: VoiceSide, pcm: bytes) -> None:
    """All at once, faster than people speak."""
    for start in range(0, len(pcm), 640):
        await side.send(side.client.user_stream_chunk(pcm[start : start + 640]))


async def test_a_recogniser_that_refuses_the_key_is_told_and_clears(
    make_bot: Any, call: Any, told: Told
) -> None:
    kind = catalogue.STT_PROVIDER_FAILURE
    await make_bot({}, bargeIn=True, **SETTINGS)
    await rehearse("stt", "authentication")
    failing = await call()
    await listening(failing)
    await failing.told("hangup")
    found = await details(told, kind)
    assert found == {"provider:table-stt": "authentication: this failure is rehearsed"}
    assert witness.figures()["stt:table-stt"][1] >= 1

    await rehearse("stt", "none")
    working = await call(conversation_id="c-2")
    await listening(working)
    await say(working, silence(200) + tone(500) + silence(600))
    await working.until(SpeechRecognition)
    assert await details(told, kind) == {}


async def test_a_synthesiser_that_refuses_the_key_is_told_and_clears(
    make_bot: Any, call: Any, told: Told
) -> None:
    kind = catalogue.TTS_PROVIDER_FAILURE
    await make_bot({"start": ["Hi."]})
    await rehearse("tts", "authentication")
    failing = await call()
    await failing.until(Accepted)
    await failing.start()
    await failing.told("hangup")
    assert (await details(told, kind)).keys() == {"provider:table-tts"}

    await rehearse("tts", "none")
    working = await call(conversation_id="c-2")
    await working.until(Accepted)
    await working.start()
    await working.until(PlayStopped)
    assert await details(told, kind) == {}


async def test_a_bot_that_fails_is_told_and_one_that_answers_clears_it(
    make_bot: Any, call: Any, told: Told
) -> None:
    kind = catalogue.BOT_PROVIDER_FAILURE
    bot = await make_bot({"start": ["Hello."], "more": ["!fail"]})
    for number in range(kind.count):
        assert await details(told, kind) == {}
        side = await call(conversation_id=f"c-{number}", audio=False)
        await side.until(Accepted)
        await side.start()
        assert await side.says() == "Hello."
        await side.act(message("more"))
        await side.told("hangup")
    # NB each call was answered once before its bot failed.
    assert await details(told, kind) == {"provider:table-bot": "server: the table says so"}

    await db(Bot.objects.filter(pk=bot.pk).update, revision=F("revision") + 1)
    working = await call(conversation_id="c-again", audio=False)
    await working.until(Accepted)
    await working.start()
    assert await working.says() == "Hello."
    assert await details(told, kind) == {}


async def test_refused_tokens_are_told_and_forgotten(
    make_bot: Any, host: SessionHost, told: Told
) -> None:
    kind = catalogue.CHANNEL_AUTHENTICATION
    bot = await make_bot({})
    await db(Bot.objects.filter(pk=bot.pk).update, access_mode="token", token_digest="0" * 64)
    for _ in range(kind.count):
        side = VoiceSide("table", token="guess")
        assert (await side.connect())["status"] == 401
        side.abandon()
    unknown = VoiceSide("nobody", token="guess")
    assert (await unknown.connect())["status"] == 404
    unknown.abandon()
    assert await details(told, kind) == {"bot:table": "by somebody"}
    await db(told.forget, kind)
    assert await details(told, kind) == {}


async def test_a_bot_that_is_called_and_misconfigured_is_told_at_once(
    make_bot: Any, call: Any, told: Told
) -> None:
    bot = Bot.objects.filter(pk=(await make_bot({})).pk)
    await db(bot.update, params={"tableAnswers": 3}, revision=F("revision") + 1)
    side = await call()
    await side.until(Errored)
    assert (await details(told, catalogue.BOT_MISCONFIGURED)).keys() == {"bot:table"}
