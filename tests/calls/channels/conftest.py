"""A voice side for tests: the gateway end of the AudioCodes protocol over the ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter

from bots.core.activities import Activity, event
from bots.core.registry import Kind
from bots.models import Bot, Provider
from bots.protocols.ac_bot_api import (
    ActivitiesReceived,
    ClientEvent,
    MediaFormat,
    StreamClient,
)
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.channels.routes import websocket_urlpatterns
from calls.database import db
from calls.models import Call
from calls.session import host as host_module
from calls.session.host import SessionHost, session_host
from tests import plugins as _plugins  # noqa: F401 - registers the test plug-ins

PATIENCE_S = 20.0


class VoiceSide:
    """One socket to the gateway and the `StreamClient` on it."""

    def __init__(self, bot: str, *, token: str | None = None, conversation_id: str = "c-1") -> None:
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {
            "type": "websocket",
            "path": f"/voice/audiocodes/{bot}",
            "headers": headers,
            "extensions": {"websocket.http.response": {}},
        }
        communicator: Any = ApplicationCommunicator  # asgiref's test client is untyped
        self._socket = communicator(URLRouter(websocket_urlpatterns), scope)
        self.client = StreamClient(conversation_id)
        self._bot = bot
        self.seen: list[ClientEvent] = []
        self.close_code: int | None = None

    async def connect(self) -> dict[str, Any]:
        """Ask for the upgrade; answers the application's first message."""
        await self._socket.send_input({"type": "websocket.connect"})
        return dict(await self._socket.receive_output(PATIENCE_S))

    async def initiate(
        self, *, audio: bool = True, formats: Sequence[MediaFormat] = (MediaFormat.RAW_LPCM16,)
    ) -> None:
        """Ask for a session; a text session without ``audio``."""
        request = self.client.initiate(
            bot_name=self._bot,
            caller="+15550100",
            expect_audio_messages=audio,
            media_formats=formats if audio else (),
        )
        await self.send(request)

    async def start(self) -> None:
        """The start activity, as VoiceAI Connect sends it."""
        parameters = {"caller": "+15550100", "callee": "+15550199"}
        await self.act(event("start", parameters=parameters))

    async def act(self, *activities: Activity) -> None:
        """Send activities."""
        await self.send(self.client.activities(activities))

    async def speak(self, pcm: bytes) -> None:
        """The caller's voice in 20 ms frames of the session's format, as fast as people speak."""
        assert self.client.media_format is not None
        size = self.client.media_format.audio.bytes_for_ms(20)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for i in range(0, len(pcm), size):
            await self.send(self.client.user_stream_chunk(pcm[i : i + size]))
            due += 0.02
            await asyncio.sleep(due - loop.time())

    async def says(self) -> str:
        """The text of the next message activity."""
        while True:
            received: ActivitiesReceived = await self.until(ActivitiesReceived)
            for activity in received.activities:
                if activity.kind == "message":
                    return str(activity.text)

    async def told(self, name: str) -> Activity:
        """The next event activity called ``name``."""
        while True:
            received: ActivitiesReceived = await self.until(ActivitiesReceived)
            for activity in received.activities:
                if activity.name == name:
                    return activity

    async def send(self, frame: str | bytes) -> None:
        """One frame, binary if it is bytes."""
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._socket.send_input({"type": "websocket.receive", kind: frame})

    async def until(self, *kinds: type) -> Any:
        """Read frames until an event of one of ``kinds`` comes; all are kept in ``seen``."""
        async with asyncio.timeout(PATIENCE_S):
            while self.close_code is None:
                for what in await self._next():
                    if isinstance(what, kinds):
                        return what
        raise AssertionError(f"closed with {self.close_code} before {kinds}: {self.seen[-1:]}")

    async def closed(self) -> int:
        """Read until the gateway closes the socket; answers the code."""
        async with asyncio.timeout(PATIENCE_S):
            while self.close_code is None:
                await self._next()
        await self._socket.wait(PATIENCE_S)
        return self.close_code

    async def _next(self) -> list[ClientEvent]:
        output = await self._socket.receive_output(PATIENCE_S)
        if output["type"] == "websocket.close":
            self.close_code = output["code"]
            return []
        events = self.client.receive(output["text"])
        self.seen += events
        return events

    def abandon(self) -> None:
        """Forget the socket at the end of a test."""
        self._socket.stop(exceptions=False)

    async def drop(self) -> None:
        """The network goes away: no session.end, no close frame."""
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1006})
        await self._socket.wait(PATIENCE_S)


@pytest.fixture
async def host() -> AsyncIterator[SessionHost]:
    """The session host of this test, drained at the end."""
    host_module._host = None
    host = session_host()
    await host.start()
    yield host
    await host.drain(0)
    host_module._host = None


@pytest.fixture
def make_bot(transactional_db: None) -> Callable[..., Awaitable[Bot]]:
    """Creates a table bot that speaks and hears tones; ``answers`` is its table."""

    def make(answers: dict[str, list[Any]], name: str = "table", **params: Any) -> Bot:
        def provider(kind: Kind, plugin: str) -> Provider:
            return provider_create(name=f"{name}-{kind}", kind=kind, plugin=plugin)

        return bot_create(
            name=name,
            author="test",
            params={"tableAnswers": answers, **params},
            provider=provider("bot", "table"),
            stt_provider=provider("stt", "tones"),
            tts_provider=provider("tts", "tones"),
            vad_provider=provider("vad", "tones"),
        )

    async def make_in_a_thread(
        answers: dict[str, list[Any]], name: str = "table", **params: Any
    ) -> Bot:
        return await db(make, answers, name, **params)

    return make_in_a_thread


@pytest.fixture
async def call(host: SessionHost) -> AsyncIterator[Callable[..., Awaitable[VoiceSide]]]:
    """``await call(audio=False)`` answers a `VoiceSide` whose session was asked for."""
    sides: list[VoiceSide] = []

    async def open_call(
        bot: str = "table", *, conversation_id: str = "c-1", **session: Any
    ) -> VoiceSide:
        side = VoiceSide(bot, conversation_id=conversation_id)
        sides.append(side)
        assert (await side.connect())["type"] == "websocket.accept"
        await side.initiate(**session)
        return side

    yield open_call
    for side in sides:
        side.abandon()


@pytest.fixture
def records(host: SessionHost) -> Callable[[], Awaitable[list[Call]]]:
    """Ends what is going on, writes everything and answers all calls, oldest first."""

    async def read() -> list[Call]:
        await host.drain(0)
        return await db(lambda: list(Call.objects.order_by("started_at")))

    return read


@pytest.fixture
def lines() -> Callable[[Call], Awaitable[list[tuple[str, str, str]]]]:
    """The transcript of a call as (side, text, full text)."""

    async def read(call: Call) -> list[tuple[str, str, str]]:
        def query() -> list[tuple[str, str, str]]:
            return [(e.side, e.text, e.full_text) for e in call.entries.all()]

        return await db(query)

    return read
