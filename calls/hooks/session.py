"""One call as a handler sees it: what is known of it, and what can be done in it.

The names are those of deepgram-audiocodes-bridge. Every method returns when the call has accepted
the act (those that direct a voice agent: when the agent has confirmed it).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import msgspec

from bots.core import activities
from bots.core.activities import Activity
from calls.core import steering
from calls.core.errands import cleaned
from calls.core.steering import Outcome, Steering
from calls.hooks.happenings import ConversationText

ACCEPT_S = 5.0
CONFIRM_S = 15.0
MAX_LINES = 10_000
"""Lines of the transcript that `Session.get_transcript` keeps."""

acting: ContextVar[str] = ContextVar("acting")
"""The module whose handler runs."""

Steer = Callable[[Steering, str, Callable[[Outcome], None]], None]
"""Has an act done in the call; called in the event loop of the calls."""


class Refused(RuntimeError):
    """The call did not do what was asked; the text says why."""


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call from its beginning."""

    call_id: UUID
    conversation_id: str
    bot: str
    caller: str
    callee: str
    channel: str
    direction: str
    media_format: str
    is_test: bool
    sip_headers: Mapping[str, tuple[str, ...]]
    controls: frozenset[str]
    """The messages that direct the bot, by name; empty: it cannot be directed."""


class Session:
    """The call a handler is told of; its methods raise `RuntimeError` once the call is over."""

    def __init__(self, facts: CallFacts, steer: Steer, calls: asyncio.AbstractEventLoop) -> None:
        self._facts = facts
        self._steer = steer
        self._calls = calls
        self._active = True
        self._lines: list[ConversationText] = []

    # --- what is known ----------------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """The gateway's id of the call, as in its record and its API."""
        return str(self._facts.call_id)

    @property
    def conversation_id(self) -> str:
        """The voice side's id of the conversation, such as VoiceAI Connect's."""
        return self._facts.conversation_id

    @property
    def bot(self) -> str:
        """Name of the bot."""
        return self._facts.bot

    @property
    def caller(self) -> str:
        """Who calls, as the voice side told at the beginning."""
        return self._facts.caller

    @property
    def callee(self) -> str:
        """Who is called, as the voice side told at the beginning."""
        return self._facts.callee

    @property
    def channel(self) -> str:
        """The voice channel."""
        return self._facts.channel

    @property
    def direction(self) -> str:
        """``inbound`` or ``outbound``."""
        return self._facts.direction

    @property
    def is_test(self) -> bool:
        """Whether it is a test call."""
        return self._facts.is_test

    @property
    def sip_headers(self) -> Mapping[str, tuple[str, ...]]:
        """Headers of the INVITE by name, as far as the voice side tells them."""
        return self._facts.sip_headers

    @property
    def media_format(self) -> str | None:
        """The voice side's name of the audio format; None in a text session."""
        return self._facts.media_format or None

    @property
    def is_active(self) -> bool:
        """Whether the call goes on."""
        return self._active

    def get_transcript(self) -> list[ConversationText]:
        """What was said so far."""
        return list(self._lines)

    # --- directing a voice agent ------------------------------------------------------------------

    async def send_agent_message(self, content: str, *, behavior: str = "default") -> None:
        """Have ``content`` said to the caller; with a bot that is no agent, in the bot's voice."""
        if "InjectAgentMessage" in self._facts.controls:
            await self._direct("InjectAgentMessage", message=content, behavior=behavior)
        else:
            await self._act(steering.Say(text=content, interrupt=behavior == "interrupt"))

    async def send_user_message(self, content: str) -> None:
        """Tell the bot ``content`` as if the caller had said it."""
        if "InjectUserMessage" in self._facts.controls:
            await self._direct("InjectUserMessage", content=content)
        else:
            await self._act(steering.Message(text=content))

    async def update_prompt(self, prompt: str) -> None:
        """Give the agent further instructions."""
        await self._direct("UpdatePrompt", prompt=prompt)

    async def update_speak(self, speak: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Give the agent another voice."""
        await self._direct("UpdateSpeak", speak=speak)

    async def update_think(self, think: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Give the agent another language model, with its instructions and functions."""
        await self._direct("UpdateThink", think=think)

    async def update_listen(self, listen: dict[str, Any]) -> None:
        """Have the agent recognise the caller otherwise."""
        await self._direct("UpdateListen", listen=listen)

    async def respond_to_function_call(self, id: str, name: str, content: str) -> None:
        """Answer a function that no `calls.hooks.function` answers."""
        await self._direct("FunctionCallResponse", id=id, name=name, content=content)

    # --- the call ---------------------------------------------------------------------------------

    async def send_activity(
        self, activity: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> None:
        """Have one activity of the Bot API, or several, carried out as if the bot had sent them."""
        many = [activity] if isinstance(activity, Mapping) else list(activity)
        try:
            await self._activities(*(msgspec.convert(one, Activity) for one in many))
        except msgspec.ValidationError as error:
            raise Refused(f"not an activity: {error}") from None

    async def transfer(
        self,
        destination: str,
        *,
        handover_reason: str | None = None,
        transfer_sip_headers: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        """Move the caller to ``destination``, when what the bot is saying has been heard."""
        arguments: dict[str, Any] = {"transferTarget": destination}
        if handover_reason is not None:
            arguments["handoverReason"] = handover_reason
        if transfer_sip_headers is not None:
            arguments["transferSipHeaders"] = [dict(header) for header in transfer_sip_headers]
        await self._event("transfer", arguments)

    async def end_session(self, reason: str | None = None) -> None:
        """Hang up, when what the bot is saying has been heard."""
        await self._event("hangup", {"hangupReason": reason} if reason else None)

    async def play_url(self, url: str, *, options: Mapping[str, Any] | None = None) -> None:
        """Play an audio file; ``options`` are further parameters of the activity."""
        await self._event("playUrl", {"playUrlUrl": url, **(options or {})})

    async def send_dtmf(self, digits: str, *, options: Mapping[str, Any] | None = None) -> None:
        """Send ``digits`` to the voice side."""
        await self._event("sendDtmf", {"dtmfDigits": digits, **(options or {})})

    async def send_meta_data(self, data: Any) -> None:
        """Send ``data`` where the parameters of the bot say that metadata goes."""
        await self._activities(activities.event("sendMetaData", value=data))

    async def abort_prompts(self) -> None:
        """Silence what is being said and what waits to be."""
        await self._event("abortPrompts")

    async def expect_another_bot_message(self) -> None:
        """The bot will say more: the caller is not waited for."""
        await self._event("expectAnotherBotMessage")

    async def apply_config(self, params: Mapping[str, Any]) -> None:
        """Change parameters for the rest of the call."""
        await self._activities(activities.event("config", session_params=dict(params)))

    async def start_call_recording(self, params: Mapping[str, Any] | None = None) -> None:
        """Start recording."""
        await self._event("startCallRecording", params)

    async def stop_call_recording(self) -> None:
        """Stop recording."""
        await self._event("stopCallRecording")

    async def pause_call_recording(self) -> None:
        """Pause recording."""
        await self._event("pauseCallRecording")

    async def resume_call_recording(self) -> None:
        """Go on recording."""
        await self._event("resumeCallRecording")

    # --- inside -----------------------------------------------------------------------------------

    def note(self, line: ConversationText) -> None:
        """Keep a line of the transcript."""
        if len(self._lines) < MAX_LINES:
            self._lines.append(line)

    def end(self) -> None:
        """The call is over."""
        self._active = False

    async def _event(self, name: str, arguments: Mapping[str, Any] | None = None) -> None:
        given = dict(arguments) if arguments else None
        await self._activities(activities.event(name, activity_params=given))

    async def _activities(self, *sent: Activity) -> None:
        await self._act(steering.Activities(activities=sent))

    async def _direct(self, kind: str, **fields: Any) -> None:
        if kind not in self._facts.controls:
            raise Refused(f"the bot {self.bot} does not take {kind}")
        await self._act(steering.ControlAgent(message={"type": kind, **fields}), confirmed=True)

    async def _act(self, act: Steering, *, confirmed: bool = False) -> None:
        if not self._active:
            raise RuntimeError("the session has ended")
        try:
            act = cleaned(act)
        except ValueError as error:
            raise Refused(str(error)) from None
        here, outcomes = asyncio.get_running_loop(), asyncio.Queue[Outcome]()

        def report(outcome: Outcome) -> None:
            with suppress(RuntimeError):  # the process stops, and nobody waits any more
                here.call_soon_threadsafe(outcomes.put_nowait, outcome)

        self._calls.call_soon_threadsafe(self._steer, act, f"hook {acting.get('')}".strip(), report)
        try:
            async with asyncio.timeout(ACCEPT_S):
                outcome = await outcomes.get()
            if confirmed and outcome.status == "accepted":
                async with asyncio.timeout(CONFIRM_S):
                    outcome = await outcomes.get()
        except TimeoutError:
            raise Refused("the call did not answer") from None
        if outcome.status == "failed":
            raise Refused(outcome.detail)
