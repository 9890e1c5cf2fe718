"""Functions of voice agents: what the language model calls is answered here.

Whatever the vendor, a function goes to the Python hook of this process first, which may leave it,
and then to the HTTP endpoint of the bot. Whoever talks to the agent runs `Tools.answer` in a task
of its own, so that no audio waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import uuid4

import msgspec
from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook

from bots.core.activities import Json
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.params.sections.webhooks import http_url, signing_secret
from bots.core.ports import AgentReport, BotConversation
from bots.net import OutboundError, outbound

DONE = "done"
"""What the agent is told when a function answered nothing."""
FAILED = "function-failed"
"""``code`` of the warning about a function that did not work."""
MAX_CONTENT_BYTES = 1_000_000
"""Of one answer, in UTF-8."""
_NAME_CHARS = 100


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a function by an agent; ``id`` is the vendor's, unique in the conversation."""

    id: str
    name: str
    arguments: Json


FunctionHook = Callable[[Function, BotConversation], Awaitable[str | None]]
"""Answers a function, None: not one of its own. Raises `ServiceError` when it fails."""

_hook: FunctionHook | None = None


def set_hook(hook: FunctionHook | None) -> None:
    """Have ``hook`` asked before any endpoint; done once, when the process starts."""
    global _hook
    _hook = hook


class ToolParams(ParamSet):
    """Where the functions of a bot are answered by HTTP; plug-ins of voice agents inherit it."""

    SECTION: ClassVar[str] = "Tools of the agent"

    agent_tools_url: Annotated[
        str,
        AfterValidator(http_url),
        Param(
            help=(
                "Functions that the agent calls are posted here as JSON, with the numbers of both "
                "sides; what the server answers, the agent is told. Empty: no functions by HTTP."
            )
        ),
    ] = Field("", alias="agentToolsUrl", max_length=2000)
    agent_tools_secret: Annotated[
        SecretStr,
        AfterValidator(signing_secret),
        Param(
            help=(
                "What these requests are signed with, so that the server can tell that they come "
                "from this gateway: `whsec_` and 24 to 64 random bytes in base64; empty: unsigned."
            ),
            needs="agentToolsUrl",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="agentToolsSecret", max_length=100)
    agent_tools_timeout_ms: Annotated[
        int,
        Param(
            help="How long a function may take; then the agent is told that it did not work.",
            unit="ms",
        ),
    ] = Field(5000, ge=500, le=60_000, alias="agentToolsTimeoutMS")


class Tools:
    """What answers the functions of one bot."""

    def __init__(self, params: ToolParams) -> None:
        self._url = params.agent_tools_url
        secret = params.agent_tools_secret.get_secret_value()
        self._signer = Webhook(secret) if secret else None
        self._timeout_s = params.agent_tools_timeout_ms / 1000

    async def answer(
        self,
        function: Function,
        conversation: BotConversation,
        *,
        report: Callable[[AgentReport], None],
    ) -> str | None:
        """What the agent is to be told, within ``agentToolsTimeoutMS``; never fails.

        None: nobody here knows the function. One that does not work is answered in words too, so
        that the agent can tell the caller, and a warning goes to ``report``.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                content = None if _hook is None else await _hook(function, conversation)
                if content is not None:
                    return _sendable(content)
                return await self._ask(function, conversation) if self._url else None
        except TimeoutError:
            problem = f"no answer within {self._timeout_s:g} s"
        except OutboundError as error:
            problem = error.reason
        except ServiceError as error:
            problem = error.detail or str(error.fault)
        report(_warning(function.name[:_NAME_CHARS], problem))
        return f"The function did not work: {problem}."

    async def _ask(self, function: Function, conversation: BotConversation) -> str:
        body = _body(function, conversation)
        answer = await outbound().request(
            "POST",
            self._url,
            deadline_s=self._timeout_s + 1,  # what `answer` allows ends first
            headers=self._headers(body),
            body=body,
            max_bytes=MAX_CONTENT_BYTES,
        )
        if not 200 <= answer.status < 300:
            raise _failure(f"HTTP status {answer.status}")
        try:
            return answer.body.decode().strip() or DONE
        except UnicodeDecodeError:
            raise _failure("an answer that is not text in UTF-8") from None

    def _headers(self, body: bytes) -> dict[str, str]:
        """Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com"""
        name, now = str(uuid4()), datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(name, now, body.decode())
        return headers


def _body(function: Function, conversation: BotConversation) -> bytes:
    return msgspec.json.encode(
        {
            "conversationId": conversation.conversation_id,
            "callId": conversation.call_id,
            "bot": conversation.bot,
            "caller": conversation.caller,
            "callee": conversation.callee,
            "function": function,
        }
    )


def _sendable(content: str) -> str:
    """``content`` of a hook, if it can be sent on.

    Raises:
        ServiceError: it is too long, or not text.
    """
    try:
        size = len(content) if len(content) > MAX_CONTENT_BYTES else len(content.encode())
    except UnicodeEncodeError:
        raise _failure("an answer that is not text in UTF-8") from None
    if size > MAX_CONTENT_BYTES:
        raise _failure(f"larger than {MAX_CONTENT_BYTES} bytes")
    return content or DONE


def _failure(problem: str) -> ServiceError:
    return ServiceError("bot:tools", Fault.PROTOCOL, problem)


def _warning(name: str, problem: str) -> AgentReport:
    text = f"The function {name} did not work: {problem}."
    return AgentReport(name="warning", detail={"code": FAILED, "description": text}, note=text)
