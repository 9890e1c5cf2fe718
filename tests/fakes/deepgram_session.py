"""One connection of the fake voice agent: it hears, thinks and speaks along its script."""

import asyncio
import itertools
import json
from collections.abc import Coroutine
from typing import Any

import msgspec
from aiohttp import web

from bots.core.audio import AudioFormat, level_dbfs, mulaw_to_lpcm16
from tests.fakes import deepgram_settings as form
from tests.fakes.deepgram_connection import Connection
from tests.fakes.deepgram_reading import Refused, format_of, read_message, read_settings
from tests.fakes.deepgram_script import Call, Script, Turn, tone

_HEARD_DBFS = -45.0
_VOICE_MS = 40
"""Sound this long is speech."""
_FRAME_MS = 20
_PIECES_MS = (7, 40, 13, 250, 20, 101)
"""Speech comes in pieces of no fixed size."""
_ODD = {"type": "MoonPhase", "phase": {"name": "full"}, "list": [1, None, True]}
_GARBAGE = ("", "{", "null", "[]", '"Welcome"', '{"type":7}', '{"type":"ConversationText"}')


class Session(Connection):
    """What one client did, and the agent it talks to."""

    def __init__(self, request: web.Request, script: Script, number: int) -> None:
        super().__init__(request, script, number)
        self.audio = bytearray()
        """All of the caller's audio."""
        self.spoken: list[bytes] = []
        """The agent's utterances, whether or not all of them was sent."""
        self.most_ahead_ms = 0.0
        """By how much the caller's audio was ahead of real time at most."""
        self.violations: list[str] = []
        """What the client did against the documents."""
        self.settings: form.Settings | None = None
        self.turn = 0
        self._speaking = False
        self._input = self._output = AudioFormat("lpcm16", 24000)
        self._heard = b""
        self._voice_ms = self._silence_ms = 0.0
        self._user_speaking = False
        self._first_audio_at = 0.0
        self._doing: asyncio.Task[None] | None = None
        self._queue: list[str] = []
        self._eager: list[str] = []
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._names: dict[str, str] = {}
        """Of functions, by the id of the call."""
        self._over: set[str] = set()
        """Calls that are answered or cancelled."""
        self._ids = itertools.count(1)

    async def _take(self, frame: str) -> None:
        try:
            message = msgspec.json.decode(frame, type=dict[str, Any])
        except msgspec.DecodeError as error:
            await self._refuse(Refused("UNPARSABLE_CLIENT_MESSAGE", str(error)))
            return
        self.received.append(message)
        try:
            if not self._welcomed:
                raise Refused("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "sent before Welcome")
            if message.get("type") == "Settings":
                await self._settle(frame)
            elif self.settings is None:
                raise Refused("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "Settings come first")
            else:
                await self._obey(read_message(frame))
        except Refused as refused:
            await self._refuse(refused)

    async def _settle(self, frame: str) -> None:
        if self.settings is not None:
            raise Refused("SETTINGS_ALREADY_APPLIED", "Settings come once")
        settings = read_settings(frame)
        if self.script.has("refuse settings"):
            raise Refused("INVALID_SETTINGS", "agent.think.provider.model: no such model")
        if isinstance(settings.agent, str) and settings.agent not in self.script.agents:
            raise Refused("INVALID_AGENT_ID", "there is no such agent")
        self._input = format_of(settings.audio.input)
        self._output = format_of(settings.audio.output)
        self.settings = settings
        if self.script.has("never applied"):
            return
        await self.send({"type": "SettingsApplied"})
        await self._be_odd()
        await self._check_prompts(settings.inline.think)
        if settings.inline.greeting:
            self._do(self._greet(settings.inline.greeting))

    async def _check_prompts(self, think: form.Think | list[form.Think] | None) -> None:
        if any(len(each.prompt) > form.PROMPT_CHARACTERS for each in form.several(think)):
            await self._warn("PROMPT_TOO_LONG", "The prompt was cut.")

    async def _obey(self, message: form.Message) -> None:
        match message:
            case form.UpdatePrompt():
                await self.send({"type": "PromptUpdated"})
            case form.UpdateThink(think=think):
                await self._check_prompts(think)
                await self.send({"type": "ThinkUpdated"})
            case form.UpdateSpeak():
                await self.send({"type": "SpeakUpdated"})
            case form.UpdateListen():
                await self.send({"type": "ListenUpdated"})
            case form.InjectUserMessage(content=content):
                await self._answer(content)
            case form.InjectAgentMessage(message=text, behavior=behavior):
                await self._inject(text, behavior)
            case form.FunctionCallResponse():
                self._resolve(message)
            case form.ForceEndTurn():
                await self._force()
            case form.KeepAlive():
                pass

    async def _inject(self, text: str, behavior: str) -> None:
        busy = self._doing is not None and not self._doing.done()
        if behavior == "queue" and busy:
            self._queue.append(text)
        elif behavior == "default" and (busy or self._user_speaking):
            await self.send({"type": "InjectionRefused", "message": "Somebody is speaking."})
        else:
            self._do(self._speak(text, self.script.greeting_ms, 440))

    def _resolve(self, message: form.FunctionCallResponse) -> None:
        waiting = self._answers.get(message.id)
        if waiting is None:
            self._break_rule(f"a response to the call {message.id!r} that was never made")
        elif message.id in self._over:
            return  # cancelled in the meantime
        else:
            self._over.add(message.id)
            waiting.set_result(message.content)

    async def _force(self) -> None:
        listen = self.settings.inline.listen if self.settings else None
        if listen is None or listen.provider.version != "v2":
            await self._warn("FORCE_END_TURN_UNSUPPORTED", "Only Flux can.")
        elif self._user_speaking:
            await self._end_turn()

    # --- hearing

    async def _take_audio(self, audio: bytes) -> None:
        if self.settings is None:
            await self._refuse(
                Refused("NON_SETTINGS_MESSAGE_BEFORE_SETTINGS", "audio before Settings")
            )
            return
        if not self.audio:
            self._first_audio_at = self._now()
        if not audio:
            self._break_rule("an empty binary frame")
        self.audio += audio
        ahead = self._input.ms_for_bytes(len(self.audio))
        ahead -= (self._now() - self._first_audio_at) * 1000
        self.most_ahead_ms = max(self.most_ahead_ms, ahead)
        size = self._input.bytes_for_ms(_FRAME_MS)
        self._heard += audio
        while len(self._heard) >= size:
            frame, self._heard = self._heard[:size], self._heard[size:]
            await self._hear(mulaw_to_lpcm16(frame) if self._input.encoding == "mulaw" else frame)

    async def _hear(self, pcm: bytes) -> None:
        if level_dbfs(pcm) >= _HEARD_DBFS:
            self._silence_ms = 0.0
            self._voice_ms += _FRAME_MS
            if self._eager:
                await self.send({"type": "UserStartedSpeaking"})
                await self._cancel_calls()
            if self._voice_ms >= _VOICE_MS and not self._user_speaking:
                self._user_speaking = True
                await self._interrupted()
            return
        self._voice_ms = 0.0
        if not self._user_speaking:
            return
        self._silence_ms += _FRAME_MS
        turn = self.script.turn(self.turn + 1)
        if turn.eager and self._silence_ms == self.script.eager_ms:
            self._eager = await self._call(turn, deferred=False)
        if self._silence_ms >= self.script.silence_ms:
            await self._end_turn()

    async def _interrupted(self) -> None:
        late = self._speaking
        await self.send({"type": "UserStartedSpeaking"})
        self._stop()
        await self._cancel_calls()
        if self.script.has("late audio") and (late or self.turn):
            await self.send_audio(tone(500, self._output, 1000))

    async def _end_turn(self) -> None:
        self._user_speaking = False
        self._silence_ms = 0.0
        eager, self._eager = self._eager, []
        await self._answer(self.script.turn(self.turn + 1).said, eager)

    # --- thinking

    def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        self._stop()
        self._doing = self._tasks.create_task(deed)

    def _stop(self) -> None:
        self._speaking = False
        self._queue.clear()
        if self._doing is not None:
            self._doing.cancel()

    async def _greet(self, text: str) -> None:
        if await self._misbehave():
            return
        await self._speak(text, self.script.greeting_ms, 440)

    async def _answer(self, said: str, called: list[str] | None = None) -> None:
        self.turn += 1
        await self._text("user", said)
        self._do(self._think(said, self.script.turn(self.turn), called))

    async def _think(self, said: str, turn: Turn, called: list[str] | None) -> None:
        if await self._misbehave():
            return
        await self.send({"type": "LatencyReport", "stt_latency": 0.12})
        await self._be_odd()
        await self.send({"type": "AgentThinking", "content": f"They said: {said}"})
        called = [*(called or []), *await self._call(turn, deferred=True if called else None)]
        result = await self._results(turn, called)
        await self._speak(turn.reply.replace("{result}", result), turn.reply_ms, turn.hz)

    async def _misbehave(self) -> bool:
        """Do the faults of this turn; whether there is nothing left to say."""
        script, turn = self.script, self.turn
        if script.has("silent", turn):
            await asyncio.sleep(script.silent_s)
        if script.has("garbage", turn):
            for frame in _GARBAGE:
                await self.send_text(frame)
        if script.has("error in mid-call", turn):
            await self._fail(script.error_code, "Something went wrong on our side.")
            return True
        if script.has("close in mid-call", turn):
            await self.close(script.close_code)
            return True
        return False

    async def _call(self, turn: Turn, *, deferred: bool | None) -> list[str]:
        """Call the functions of ``turn``: all, or those that do or do not wait for its end."""
        declared = {each.name: each for each in self.settings.functions} if self.settings else {}
        asked: list[tuple[str, Call, bool]] = []
        for call in turn.calls:
            known = declared.get(call.name)
            waits = known is not None and known.defer_until_eot
            if deferred in (None, waits):
                ours = known is not None and known.endpoint is not None
                asked.append((f"call_{next(self._ids)}", call, not ours))
        if not asked:
            return []
        for name, call, client_side in asked:
            self._names[name] = call.name
            self._answers[name] = asyncio.get_running_loop().create_future()
            if not client_side:
                self._over.add(name)
                self._answers[name].set_result("done")
        functions = [
            {
                "id": name,
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "client_side": client_side,
            }
            for name, call, client_side in asked
        ]
        await self.send({"type": "FunctionCallRequest", "functions": functions})
        for name, call, client_side in asked:
            if not client_side:
                done = {"type": "FunctionCallResponse", "id": name, "name": call.name}
                await self.send({**done, "content": "done"})
        return [name for name, _, _ in asked]

    async def _results(self, turn: Turn, called: list[str]) -> str:
        """What the last of the functions ``called`` answered."""
        result = ""
        for name in called:
            try:
                async with asyncio.timeout(self.script.function_s):
                    result = await self._answers[name]
            except TimeoutError:
                self._over.add(name)
                await self._warn("FUNCTION_CALL_FAILED", "The function did not answer.")
                result = "nothing"
        return result

    async def _cancel_calls(self) -> None:
        self._eager = []
        pending = [name for name in self._answers if name not in self._over]
        self._over.update(pending)
        if pending:
            functions = [{"id": name, "name": self._names[name]} for name in pending]
            await self.send({"type": "FunctionCallCancelled", "functions": functions})

    # --- speaking

    async def _speak(self, text: str, ms: int, hz: int) -> None:
        times = {"total_latency": 0.61, "tts_latency": 0.09, "ttt_latency": 0.4}
        first, _, rest = text.partition(". ")
        await self._text("assistant", first + "." if rest else first)
        await self.send({"type": "AgentStartedSpeaking", **times})
        self._speaking = True
        voice = self.script.voice
        audio = await voice(text, self._output) if voice else tone(ms, self._output, hz)
        self.spoken.append(audio)
        await self._utter(audio, rest)
        if not self.script.has("no audio done"):
            await self.send({"type": "AgentAudioDone"})
        self._speaking = False
        await self._be_odd()
        for name, value in (("ttt_text_latency", 0.4), ("tts_latency", 0.09)):
            await self.send({"type": "LatencyReport", name: value})
        if self._queue:
            await self._speak(self._queue.pop(0), ms, hz)

    async def _utter(self, audio: bytes, rest: str) -> None:
        half = len(audio) // 2
        cut = self.script.has("cut in mid-utterance", self.turn)
        at, until = 0, half if cut else len(audio)
        for piece_ms in itertools.cycle(_PIECES_MS):
            if at >= until:
                break
            if rest and at >= half:
                await self._text("assistant", rest)
                rest = ""
            # NB an odd number of bytes: pieces need not end with a sample.
            end = min(until, at + self._output.bytes_for_ms(piece_ms) + 1)
            await self.send_audio(audio[at:end])
            at = end
            speed = self.script.speed
            await asyncio.sleep(piece_ms / 1000 / speed if speed else 0)
        if cut:
            self.cut()
        elif rest:
            await self._text("assistant", rest)

    async def _text(self, role: str, content: str) -> None:
        line = {"role": role, "content": content}
        await self.send({"type": "ConversationText", **line})
        if self.settings is not None and self.settings.flags.history:
            await self.send({"type": "History", **line})

    # --- complaints

    async def _refuse(self, refused: Refused) -> None:
        self._break_rule(str(refused))
        await self._fail(refused.code, refused.description)

    def _break_rule(self, rule: str) -> None:
        self.violations.append(rule)

    async def _be_odd(self) -> None:
        if self.script.has("unknown messages"):
            await self.send(_ODD)
