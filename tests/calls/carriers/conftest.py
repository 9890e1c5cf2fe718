"""Outbound calls with everything but the network: rows, a session host, a bot, VoiceAI Connect."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from bots.core.activities import event
from bots.models import Bot
from bots.net import Outbound
from bots.protocols.ac_bot_api import Accepted
from bots.selectors import call_configuration
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.core.dialout import State
from calls.database import db
from calls.dialout.placing import Placement
from calls.dialouts import advance
from calls.models import Dialout
from calls.session.host import SessionHost
from tests.calls.channels.conftest import VoiceSide, host
from tests.calls.dialouts import rows
from tests.fakes.voiceai_connect import TOKEN, Order, VoiceAIConnect, voiceai_connect

__all__ = ["host"]

ANSWERS = {"start": ["Hi."], "my bill": ["Forty dollars.", {"name": "hangup"}]}


class Called:
    """VoiceAI Connect's side of one call, in a text session."""

    def __init__(self, conversation_id: str, order: Order) -> None:
        self.order = order
        self.side = VoiceSide("seller", conversation_id=conversation_id)

    async def connect(self) -> None:
        """Connect and be accepted."""
        assert (await self.side.connect())["type"] == "websocket.accept"
        await self.side.initiate(audio=False)
        await self.side.until(Accepted)

    async def answer(self, **more: Any) -> None:
        """Somebody picks up."""
        parameters = {
            "caller": "anonymous",
            "callee": "0199",
            "outboundTarget": "sip:somewhere@else",
            "dialoutMetadata": self.order["metadata"],
            **more,
        }
        await self.side.act(event("start", parameters=parameters))

    async def end(self, reason_code: str, reason: str = "") -> None:
        """End the call."""
        await self.side.send(self.side.client.end(reason_code, reason))
        await self.side.closed()


class Exchange:
    """What a test sees: the fake, the gateway's host, and the dialouts."""

    def __init__(self, host: SessionHost, vaic: VoiceAIConnect) -> None:
        self.host = host
        self.vaic = vaic
        vaic.post = self._post

    async def order(self, **fields: Any) -> Dialout:
        """A dialout in the hands of this process."""

        def make() -> Dialout:
            bot = Bot.objects.get(name="seller")
            now = timezone.now()
            row = rows.dialout(bot=bot, caller="+15550123", **fields)
            later = now + timedelta(seconds=60)
            claim: dict[str, Any] = {
                "owner": self.host.owner,
                "placed_at": now,
                "deadline_at": later,
            }
            assert advance(row.pk, State.PLACING, at=now, **claim)
            return Dialout.objects.select_related("bot").get(pk=row.pk)

        return await db(make)

    async def place(self, row: Dialout) -> None:
        """Have the carrier place it."""
        await Placement(row, self.host).run(await db(call_configuration, "seller"))

    async def now(self, row: Dialout) -> Dialout:
        """The row as it is once everything is written."""
        await self.vaic.settle()
        await self.host.drain(0)
        await db(row.refresh_from_db)
        return row

    async def _post(self, url: str, body: Order) -> int:
        path = urlsplit(url).path
        sent = await db(lambda: Client().post(path, body, content_type="application/json"))
        return sent.status_code


@pytest.fixture
async def exchange(
    transactional_db: None, loopback: Outbound, host: SessionHost
) -> AsyncIterator[Exchange]:
    """A gateway and a VoiceAI Connect that know each other; bot ``seller`` dials by it."""
    async with voiceai_connect() as vaic:

        def make() -> None:
            carrier = provider_create(
                name="vaic",
                kind="carrier",
                plugin="audiocodes",
                params={"dialoutUrl": vaic.url, "dialoutAuth": "token"},
                credentials={"dialoutToken": TOKEN},
            )
            bot_create(
                name="seller",
                author="test",
                params={"tableAnswers": ANSWERS},
                provider=provider_create(name="table", kind="bot", plugin="table"),
                vad_provider=provider_create(name="vad", kind="vad", plugin="tones"),
                carrier_provider=carrier,
            )

        await db(make)
        yield Exchange(host, vaic)
        await asyncio.sleep(0)
