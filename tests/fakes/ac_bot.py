"""A bot with a voice of its own, for callers to talk to: real time or simulated, good or bad.

`ScriptedBot` is pure: it hears by the level of the audio, answers every turn, and can be told to
misbehave. `serve` puts it behind a WebSocket on the loopback.
"""

import asyncio
import itertools
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import numpy as np
from aiohttp import WSMsgType, web

from bots.core.activities import Activity, event, message
from bots.core.audio import LPCM16_16K, AudioFormat, Converter, level_dbfs, mulaw_to_lpcm16
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat, ServerState, StreamServer
from calls.testcall.caller import Caller, Wish
from calls.testcall.plan import CallPlan

Fault = Literal[
    "refuse",
    "never accept",
    "accept another format",
    "accept without format",
    "never open the user stream",
    "never close the user stream",
    "break the protocol",
    "unknown message",
    "play in another format",
    "unpaced",
    "overlap",
    "empty prompt",
    "hear nothing",
    "answer nothing",
    "do not greet",
    "deaf to interruptions",
    "false alarm",
    "error in mid-call",
    "close in mid-call",
    "close after hangup",
    "hang up in a prompt",
    "forget the conversation",
    "name no format",
    "never close the socket",
]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot behaves; lengths in milliseconds."""

    greeting_ms: int = 400
    answer_ms: int = 400
    lead_ms: int = 200
    chunk_ms: int = 40
    silence_ms: int = 300
    barge_in: bool = True
    last_words: tuple[Activity, ...] = ()
    """Sent behind the answer number ``last_after``."""
    last_after: int = 1
    faults: frozenset[Fault] = frozenset()


def tone(ms: int, audio: AudioFormat = LPCM16_16K) -> bytes:
    """A steady tone, far above any threshold of hearing."""
    count = 16 * ms
    samples = 8000 * np.sin(2 * math.pi * 440 / 16000 * np.arange(count))
    converter = Converter(LPCM16_16K, audio)
    return converter.push(samples.astype("<i2").tobytes()) + converter.flush()


class _Prompt:
    def __init__(self, text: str, ms: int) -> None:
        self.text = text
        self.ms = ms
        self.began_at: float | None = None
        self.sent = 0


class ScriptedBot:
    """One conversation; `attach` gives it a fresh socket."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[Activity] = []
        self.ended: wire.SessionEnded | None = None
        self.closing = False
        """The bot wants the socket closed."""
        self.media = MediaFormat.RAW_LPCM16
        self._play_media = self.media
        self._server = StreamServer()
        self._audio = True
        self._prompts: deque[_Prompt] = deque()
        self._played = 0
        self._answers = 0
        self._voice_at: float | None = None
        self._out: list[str] = []

    def attach(self) -> None:
        """A new socket; the prompt that was being played begins anew."""
        self._server = StreamServer()
        if self._prompts:
            self._prompts[0].began_at = None
            self._prompts[0].sent = 0

    def receive(self, frame: str, now: float) -> list[str]:
        """A frame of the gateway."""
        for what in self._server.receive(frame):
            self._take(what, now)
        return self._drain()

    def tick(self, now: float) -> list[str]:
        """Send what is due."""
        if self._server.state is ServerState.ACTIVE:
            self._end_utterance(now)
            self._play(now)
        return self._drain()

    # --- hearing

    def _take(self, what: wire.ServerEvent, now: float) -> None:
        faults = self.script.faults
        match what:
            case wire.InitiateRequested():
                self._initiate(what)
            case wire.ResumeRequested():
                if "forget the conversation" in faults:
                    self._out.append(self._server.refuse("conversation not found"))
                else:
                    accepted = self._server.accept(None if not self._audio else self.media)
                    self._out.append(self._nameless(accepted))
            case wire.UserStreamStarted(participant):
                if "never open the user stream" not in faults:
                    self._out.append(self._server.user_stream_started(participant))
            case wire.UserStreamStopped(participant):
                if "never close the user stream" not in faults:
                    self._out.append(self._server.user_stream_stopped(participant))
            case wire.UserAudio(audio, _):
                self._listen(audio, now)
            case wire.ActivitiesReceived(activities):
                for activity in activities:
                    self._handle(activity, now)
            case wire.SessionEnded():
                self.ended = what
                self.closing = "never close the socket" not in faults
            case _:
                in_flight = self._server.state is ServerState.ENDED
                assert in_flight, f"the caller sent something wrong: {what}"

    def _initiate(self, asked: wire.InitiateRequested) -> None:
        faults = self.script.faults
        self._audio = asked.expect_audio_messages
        chosen = wire.choose_format(asked.media_formats, list(MediaFormat))
        self.media = chosen or MediaFormat.RAW_LPCM16
        self._play_media = self.media
        if "play in another format" in faults:
            self._play_media = MediaFormat.WAV_LPCM16_8
        if "refuse" in faults:
            self._out.append(self._server.refuse("no capacity"))
        elif "accept another format" in faults:
            self._out.append(self._server.accept(MediaFormat.WAV_LPCM16_24))
        elif "accept without format" in faults or not self._audio:
            self._out.append(self._server.accept(None))
        elif "never accept" not in faults:
            self._out.append(self._server.accept(self.media))

    def _handle(self, activity: Activity, now: float) -> None:
        self.heard.append(activity)
        faults = self.script.faults
        if activity.event == "start":
            if "break the protocol" in faults:
                self._out.append('{"type":"playStream.stop"}')
            if "unknown message" in faults:
                self._out.append('{"type":"playStream.tempo.set","tempo":2}')
            if "do not greet" not in faults:
                self._say("Welcome.", self.script.greeting_ms)
        elif activity.event == "dtmf":
            self._answer(f"You pressed {activity.value}.")
        elif activity.kind == "message":
            self._answer(f"You wrote {activity.text}.")

    def _listen(self, audio: bytes, now: float) -> None:
        alarming = "false alarm" in self.script.faults and self._played == 1
        if alarming and self._prompts and self._prompts[0].sent > 400:
            self._fall_silent()
        pcm = mulaw_to_lpcm16(audio) if self.media.audio.encoding == "mulaw" else audio
        if level_dbfs(pcm) < -45 or "hear nothing" in self.script.faults:
            return
        if self._voice_at is None:
            self._out += [self._server.speech_started(), self._server.hypothesis("some")]
            if self.script.barge_in and "deaf to interruptions" not in self.script.faults:
                self._fall_silent()
        self._voice_at = now

    def _fall_silent(self) -> None:
        if "false alarm" in self.script.faults:
            self._out.append(self._server.speech_started())
        self._prompts.clear()
        if self._server.playing is not None:
            self._out.append(self._server.play_stop(self._server.playing))

    def _end_utterance(self, now: float) -> None:
        if self._voice_at is None or (now - self._voice_at) * 1000 < self.script.silence_ms:
            return
        self._voice_at = None
        self._out += [self._server.speech_stopped(), self._server.recognition("some words", 0.9)]
        self._answer("You said some words.")

    # --- speaking

    def _answer(self, text: str) -> None:
        if "answer nothing" in self.script.faults:
            return
        self._answers += 1
        if "error in mid-call" in self.script.faults:
            self._out.append(self._server.refuse("out of order"))
        elif "close in mid-call" in self.script.faults:
            self.closing = True
        else:
            self._say(text, self.script.answer_ms)

    def _say(self, text: str, ms: int) -> None:
        if self._audio:
            self._prompts.append(_Prompt(text, 0 if "empty prompt" in self.script.faults else ms))
            return
        self._out.append(self._server.activities([message(text)]))
        self._say_last_words()

    def _say_last_words(self) -> None:
        if self._answers != self.script.last_after or not self.script.last_words:
            return
        self._out.append(self._server.activities(self.script.last_words))
        if "close after hangup" in self.script.faults:
            self.closing = True

    def _play(self, now: float) -> None:
        if not self._prompts:
            return
        prompt = self._prompts[0]
        audio = self._play_media.audio
        if prompt.began_at is None:
            self._begin(prompt, now)
        began_at = prompt.began_at or now
        name = self._server.playing or ""
        due = (now - began_at) * 1000 + self.script.lead_ms
        if "unpaced" in self.script.faults:
            due = math.inf
        while prompt.sent < min(due, prompt.ms):
            piece = min(self.script.chunk_ms, prompt.ms - prompt.sent)
            self._out.append(self._server.play_chunk(name, tone(piece, audio)))
            prompt.sent += piece
        if prompt.sent >= prompt.ms:
            self._finish(name)

    def _begin(self, prompt: _Prompt, now: float) -> None:
        prompt.began_at = now
        self._played += 1
        name = f"play-{self._played}"
        params = {"bargeIn": self.script.barge_in}
        start = self._server.play_start(name, self._play_media, prompt.text, params)
        self._out.append(self._nameless(start))
        if "overlap" in self.script.faults:
            self._out.append(start.replace(name, f"{name}-again"))
            self._out.append(start)

    def _nameless(self, frame: str) -> str:
        """What some bots make of a frame: the session's format goes without saying."""
        if "name no format" not in self.script.faults:
            return frame
        return frame.replace(f',"mediaFormat":"{self.media.value}"', "")

    def _finish(self, name: str) -> None:
        self._prompts.popleft()
        if "hang up in a prompt" in self.script.faults:
            self._out.append(self._server.activities([event("hangup")]))
            return
        self._out.append(self._server.play_stop(name))
        self._say_last_words()

    def _drain(self) -> list[str]:
        out, self._out = self._out, []
        return out


@asynccontextmanager
async def serve(
    script: Script,
    *,
    token: str = "",
    most: int = 100,
    path: str = "/voice/audiocodes/demo",
) -> AsyncIterator[tuple[str, list[ScriptedBot]]]:
    """Serve bots that follow ``script``; yields the base URL and the bots that were called.

    Sockets beyond the first ``most`` are refused with HTTP 503.
    """
    bots: list[ScriptedBot] = []
    conversations: dict[str, ScriptedBot] = {}

    def take(frame: str) -> ScriptedBot:
        opening = msgspec.json.decode(frame, type=dict[str, object])
        name = str(opening["conversationId"])
        if opening["type"] == "session.resume" and name in conversations:
            conversations[name].attach()
        else:
            conversations[name] = ScriptedBot(script)
            bots.append(conversations[name])
        return conversations[name]

    live = itertools.count()

    async def answer(request: web.Request) -> web.WebSocketResponse:
        if token and request.headers.get("Authorization") != f"Bearer {token}":
            raise web.HTTPUnauthorized
        if next(live) >= most:
            raise web.HTTPServiceUnavailable
        websocket = web.WebSocketResponse(compress=False)
        await websocket.prepare(request)
        await _talk(websocket, take)
        return websocket

    application = web.Application()
    application.router.add_get(path, answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"ws://{host}:{port}", bots
    finally:
        await runner.cleanup()


async def _talk(websocket: web.WebSocketResponse, take: Callable[[str], ScriptedBot]) -> None:
    now = asyncio.get_running_loop().time
    first = await websocket.receive()
    if first.type is not WSMsgType.TEXT:
        return  # the caller left without a word
    opening: str = first.data
    bot = take(opening)

    async def speak() -> None:
        replies = bot.receive(opening, now())
        while True:
            for frame in [*replies, *bot.tick(now())]:
                await websocket.send_str(frame)
            if bot.closing:
                break
            replies = []
            await asyncio.sleep(0.02)
        await websocket.close()

    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speak())
        async for frame in websocket:
            if frame.type is not WSMsgType.TEXT:
                break
            for reply in bot.receive(frame.data, now()):
                await websocket.send_str(reply)
        if not bot.closing:
            speaking.cancel()


def simulate(
    plan: CallPlan, script: Script, *, hang_up_at: float | None = None, away: float = 0.0
) -> tuple[Caller, ScriptedBot]:
    """A whole call in simulated time; a cut socket comes back after ``away`` seconds."""
    now = 100.0
    bot = ScriptedBot(script)
    caller = Caller(plan, now)
    to_bot = deque(caller.connected(now))
    back_at: float | None = None
    while caller.wish is not Wish.CLOSE:
        assert now < 400.0, "the caller never comes to an end"
        now += 0.01
        if hang_up_at is not None and now - 100.0 >= hang_up_at:
            to_bot.extend(caller.hang_up(now))
            hang_up_at = None
        to_bot.extend(caller.tick(now))
        if caller.wish is Wish.CUT:
            back_at = now + away if back_at is None else back_at
            to_bot.clear()
            if now < back_at:
                continue
            bot.attach()
            to_bot.extend(caller.connected(now))
        to_caller = deque(bot.tick(now))
        while to_bot or to_caller:
            if to_bot:
                to_caller.extend(bot.receive(to_bot.popleft(), now))
            else:
                to_bot.extend(caller.received(to_caller.popleft(), now))
        if bot.closing:
            caller.disconnected(now, 1000)
    return caller, bot
