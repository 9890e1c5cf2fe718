"""Secrets and callers are planted wherever people can put them; nothing the gateway tells has one.

Calls go wrong meanwhile, and the logs are as talkative as they get.
"""

import io
import json
import logging
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core import serializers
from django.test import Client
from django.utils import timezone

from alarms import desk
from alarms.core.trap import varbinds
from alarms.models import ActiveAlarm, AlarmEvent, Notification
from alarms.notifiers import email, syslog, webhook
from alarms.services.destinations import destination_create
from alarms.services.notices import read
from bots.core.activities import event, message
from bots.net import Outbound
from bots.protocols.ac_bot_api import Accepted
from bots.services.bots import bot_create, mint_voice_token
from bots.services.providers import provider_create
from calls.database import db
from calls.session.host import SessionHost
from calls.telemetry import exporter
from calls.telemetry.exporter import Exporter
from calls.telemetry.traces import Span
from gateway_project.diagnostics import bundle
from tests import planted
from tests.calls.channels.conftest import VoiceSide
from tests.fakes.ac_chat_bot import TOKEN, ChatBot, Script, chat_bot
from tests.index_mapping import problems
from tests.logged import Written, written
from tests.worlds import browser

pytestmark = pytest.mark.db

SECRET = f"{planted.SECRET}-of-16-and-more"
ODD = {"type": 7, "text": f"call {planted.CALLER}", "token": SECRET}
FAILED = [{"type": "message", "text": "Sorry."}, {"type": "event", "name": "hangup"}]


class Told:
    """What the gateway logs in both styles at the level debug, and the traces it sends."""

    def __init__(self, lines: Written) -> None:
        self.json = lines
        self.console = io.StringIO()
        self.spans: list[Span] = []

    def send(self, spans: Any) -> bool:
        self.spans += spans
        return True


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with written(level="debug") as lines:
        told = Told(lines)
        console = logging.StreamHandler(told.console)
        console.setFormatter(planted.formatter("console"))
        logging.getLogger().addHandler(console)
        monkeypatch.setattr(exporter, "_exporter", Exporter(told.send))
        yield told


def _set_up(bot_url: str) -> str:
    """A bot with secrets on every floor, and a destination; answers the token of its callers."""
    provider = provider_create(
        name="chat",
        kind="bot",
        plugin="ac-api",
        params={"botURL": f"{bot_url}?key={SECRET}"},
        credentials={"token": TOKEN},
    )
    made = bot_create(
        name="chat",
        author="test",
        provider=provider,
        params={
            "failoverActivities": {"bot": FAILED},
            "sendMetaDataUrl": f"https://crm.example/hook?token={SECRET}",
            "sendMetaDataUsername": "crm",
            "sendMetaDataPassword": SECRET,
            "sendDTMF": True,
        },
    )
    destination_create(
        name="pager",
        notifier="webhook",
        params={},
        credentials={
            "alarmWebhookUrl": f"http://127.0.0.1:9/{SECRET}/hook?token={SECRET}",
            "alarmWebhookAuthorization": f"Bearer {SECRET}",
        },
    )
    return mint_voice_token(made)


def _visit(admin: User) -> None:
    """What people and machines send, right and wrong."""
    stranger = Client()
    stranger.post("/login/", {"username": planted.CALLER, "password": SECRET})
    basic = b64encode(f"dialer:{SECRET}".encode()).decode()
    for proof in (f"Basic {basic}", f"Bearer {SECRET}", f"Bearer vgw_{SECRET}"):
        stranger.get("/api/v1/bots", headers={"Authorization": proof})
        grant = {"grant_type": "client_credentials", "client_secret": SECRET, "client_id": "x"}
        stranger.post("/oauth/token", grant, headers={"Authorization": proof})
    wrong = {"name": "x", "params": {"sendMetaDataPassword": SECRET, "caller": planted.CALLER}}
    stranger.post("/api/v1/bots", wrong, content_type="application/json")
    person = browser(admin)
    for path in ("/calls/", "/search", "/alarms/history", "/no-such-page"):
        person.get(path, {"q": planted.CALLER, "token": SECRET, "caller": planted.CALLER})
    person.get(f"/calls/{planted.CALLER}/")
    person.get(f"/api/v1/calls/{planted.CALLER}?access_token={SECRET}")


async def _call(bot: ChatBot, token: str) -> None:
    refused = VoiceSide("chat", token=SECRET)
    assert (await refused.connect())["type"] == "websocket.http.response.start"
    refused.abandon()
    side = VoiceSide("chat", token=token)
    assert (await side.connect())["type"] == "websocket.accept"
    await side.initiate(audio=False)
    await side.until(Accepted)
    assert await side.says() == "Welcome."
    await side.start()
    await side.act(event("DTMF", value=planted.DIGITS))
    await side.act(message("odd"))
    await side.send(f'{{"type": "unknown", "caller": "{planted.CALLER}", "token": "{SECRET}"}}')
    await side.send(f"{planted.CALLER} {SECRET}")
    bot.always["activities"] = 401
    await side.act(message(planted.UTTERANCE, parameters={"caller": planted.CALLER}))
    assert await side.says() == "Sorry."
    await side.told("hangup")
    await side.send(side.client.end("client-disconnected", planted.CALLER))


def _alarms() -> str:
    """The rows of alarms and all that destinations are sent of them."""
    rows = [*ActiveAlarm.objects.all(), *AlarmEvent.objects.all(), *Notification.objects.all()]
    assert {type(row) for row in rows} == {ActiveAlarm, AlarmEvent, Notification}
    told = [serializers.serialize("json", rows)]
    params = email.EmailParams(mailFrom="g@example.com", mailTo=("x@example.com",))
    for row in Notification.objects.all():
        notice = read(row)
        told += [
            json.dumps(webhook.body_of(notice), default=str),
            syslog.message_of(notice, 16).decode(),
            email.message_of(notice, params).as_string(),
            repr(varbinds(notice, arc="1.3.6.1.4.1.99999.1", up=timedelta(0))),
        ]
    return "\n".join(told)


def _shown(admin: User) -> dict[str, str]:
    """Everything else that the gateway tells."""
    told = {"alarms": _alarms(), "metrics": Client().get("/metrics").content.decode()}
    archive = zipfile.ZipFile(io.BytesIO(bundle(timezone.now())))
    told |= {name: archive.read(name).decode() for name in archive.namelist()}
    return told


async def test_nothing_that_is_planted_is_told(
    transactional_db: None,
    loopback: Outbound,
    monkeypatch: pytest.MonkeyPatch,
    admin_user: User,
    host: SessionHost,
    told: Told,
) -> None:
    monkeypatch.setattr("bots.connectors.ac_api.requests.PAUSE_S", 0.0)
    monkeypatch.setattr("bots.connectors.ac_api.chat.PAUSE_S", 0.0)
    script = Script(answers={"start": ["Welcome."], "odd": [ODD]})
    async with chat_bot(script) as bot:
        token = await db(_set_up, bot.url)
        await _call(bot, token)
        await host.drain(0)
        assert f"Bearer {TOKEN}" in bot.proofs
    await db(_visit, admin_user)
    await db(desk.flush)
    exporter._exporter.flush()  # type: ignore[union-attr]  # the fixture has put it there
    shown = await db(_shown, admin_user)
    shown |= {"json": told.json.getvalue(), "console": told.console.getvalue()}
    shown["traces"] = msgspec.json.encode(told.spans).decode()
    assert told.spans
    assert all(problems(line) == [] for line in told.json.lines())
    assert all(shown.values())
    assert {name: found for name, text in shown.items() if (found := planted.found(text))} == {}
    assert not [name for name, text in shown.items() if token in text]
