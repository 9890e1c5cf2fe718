"""Reaching Deepgram: from nothing to a session whose settings are applied, within one deadline."""

import asyncio
import json
from collections.abc import Callable, Iterable

import aiohttp

from bots.connectors.deepgram_agent.accounts import SERVICE, Account
from bots.core.errors import Fault, ServiceError
from bots.core.params.resolve import MASK
from bots.core.ports import BotEvent
from bots.net import OutboundError, outbound
from bots.protocols.deepgram_agent.faults import Broken, of_close, of_refusal
from bots.protocols.deepgram_agent.happenings import (
    Applied,
    Happening,
    Welcomed,
)
from bots.protocols.deepgram_agent.machine import AgentClient
from bots.protocols.deepgram_agent.messages import MAX_FRAME_BYTES, Settings, encode

HEARTBEAT_S = 10.0
"""How often the server is pinged; it has half of that to answer."""
CLOSE_S = 1.0
SEND_S = 10.0
NOT_TAKEN = "Deepgram takes no data"
_LEAST_HIDDEN = 6
"""Shorter texts are no secrets, and stand in many words."""

Socket = aiohttp.ClientWebSocketResponse


class Link:
    """Where sessions of one account are opened.

    The key goes nowhere but into the request. What Deepgram says comes without it and without
    ``secrets``, should it repeat them.
    """

    def __init__(
        self, url: str, key: str, account: Account, timeout_s: float, secrets: Iterable[str] = ()
    ) -> None:
        self.account = account
        hidden = [text for text in (key, *secrets) if len(text) >= _LEAST_HIDDEN]
        forms = {form for text in hidden for form in (text, json.dumps(text)[1:-1])}
        self._hidden = sorted(forms, key=len, reverse=True)
        self._url = url
        self._key = key
        self._timeout_s = timeout_s

    async def opened(
        self, client: AgentClient, settings: Settings, report: Callable[[BotEvent], None]
    ) -> tuple[Socket, str]:
        """A socket on which audio may flow, and the id that Deepgram gave the session.

        What the server tells beside goes to ``report``.

        Raises:
            ServiceError: there is none; nothing is left open.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                socket = await self._connected()
                try:
                    return socket, await self._settled(socket, client, settings, report)
                except BaseException:
                    await closed(socket)
                    raise
        except TimeoutError:
            waited = "Welcome" if client.phase == "connecting" else "SettingsApplied"
            detail = f"Deepgram sent no {waited} within {self._timeout_s:g} s"
            raise ServiceError(SERVICE, Fault.TIMEOUT, detail) from None

    async def _connected(self) -> Socket:
        try:
            return await outbound().websocket(
                self._url,
                deadline_s=self._timeout_s,
                max_bytes=MAX_FRAME_BYTES,
                headers={"Authorization": f"Token {self._key}"},
                heartbeat_s=HEARTBEAT_S,
            )
        except OutboundError as error:
            if error.status == 429:
                self.account.pause()
            if error.status:
                reason = self._plain(error.headers.get("dg-error", ""))
                detail = of_refusal(error.status, reason)
            else:
                detail = f"Deepgram cannot be reached: {error.reason}"
            raise ServiceError(SERVICE, error.fault, detail) from None

    async def _settled(
        self,
        socket: Socket,
        client: AgentClient,
        settings: Settings,
        report: Callable[[BotEvent], None],
    ) -> str:
        request_id = ""
        while True:
            await asyncio.sleep(0)  # frames that are there already must not keep others waiting
            for happening in await self.received(socket, client):
                match happening:
                    case Welcomed():
                        request_id = happening.request_id
                        await sent(socket, encode(settings))
                    case Applied():
                        return request_id
                    case Broken():
                        raise failure(happening)
                    case _ if isinstance(happening, BotEvent):
                        report(happening)

    async def received(self, socket: Socket, client: AgentClient) -> list[Happening]:
        """What the next frame means; the end of the socket is `Broken`."""
        message = await socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return client.receive(self._plain(message.data))
            case aiohttp.WSMsgType.BINARY:
                return client.receive(message.data)
            case aiohttp.WSMsgType.CLOSE:
                return [of_close(message.data, self._plain(message.extra or ""))]
            case _:
                return [of_close(socket.close_code)]

    def _plain(self, text: str) -> str:
        for hidden in self._hidden:
            text = text.replace(hidden, MASK)
        return text


async def sent(socket: Socket, frame: str | bytes) -> None:
    """Send one frame.

    Raises:
        ServiceError: the socket is gone, or takes nothing.
    """
    try:
        async with asyncio.timeout(SEND_S):
            await passed(socket, frame)
    except TimeoutError:
        raise ServiceError(SERVICE, Fault.TIMEOUT, NOT_TAKEN) from None


async def passed(socket: Socket, frame: str | bytes) -> None:
    """Send one frame, however long that takes: whoever sends many has one deadline for all.

    Raises:
        ServiceError: the socket is gone.
    """
    try:
        if isinstance(frame, str):
            await socket.send_str(frame)
        else:
            await socket.send_bytes(frame)
    except (aiohttp.ClientError, ConnectionError, RuntimeError):
        detail = "Deepgram closed the connection"
        raise ServiceError(SERVICE, Fault.CONNECTIVITY, detail) from None


async def closed(socket: Socket) -> None:
    """Close ``socket`` in order, or at once if the server does not take part."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await socket.close()
    except (TimeoutError, aiohttp.ClientError, ConnectionError):
        return


def failure(broken: Broken) -> ServiceError:
    """``broken`` as the call is told of it."""
    return ServiceError(SERVICE, broken.fault, broken.detail)
