"""Requests to a bot with the AudioCodes Bot API: authorised, bounded, and tried again as tabled."""

import asyncio
from collections.abc import Awaitable, Callable

from bots.core.errors import Fault, ServiceError
from bots.net import Answer, OutboundError, fault_of_status, outbound
from bots.protocols.ac_chat import Course, course

SERVICE = "bot:ac-api"
MAX_BODY_BYTES = 4_194_304
"""Largest answer; a bot may put the audio of a prompt into it (``playUrl`` with a data URL)."""
CONNECT_S = 5.0
TRIES = 3
PAUSE_S = 0.5

Authorise = Callable[[str | None], Awaitable[dict[str, str]]]
"""The header to prove oneself with; its argument is the value that was just refused, or None."""


class RequestFailed(ServiceError):
    """A request came to nothing; ``sent`` False: the bot has not seen it."""

    def __init__(self, fault: Fault, detail: str, *, sent: bool) -> None:
        super().__init__(SERVICE, fault, detail)
        self.sent = sent


class Requests:
    """The way to one bot."""

    def __init__(self, authorise: Authorise, *, verify_tls: bool) -> None:
        self.authorise = authorise
        self.verify_tls = verify_tls

    async def post(
        self, what: str, url: str, body: bytes, *, deadline_s: float, tries: int = TRIES
    ) -> bytes:
        """Post ``body``, up to ``tries`` times while that can help; ``what`` is its name in errors.

        All of it takes at most ``deadline_s``.

        Raises:
            RequestFailed: no answer came, or one that refuses.
        """
        over = asyncio.get_running_loop().time() + deadline_s
        while True:
            tries -= 1
            left_s = over - asyncio.get_running_loop().time()
            try:
                answer = await self.ask("POST", url, body, deadline_s=left_s)
                _check(what, answer)
            except RequestFailed as error:
                again = course(error.fault) is Course.AGAIN and tries > 0
                if not again or asyncio.get_running_loop().time() + PAUSE_S >= over:
                    raise
            else:
                return answer.body
            await asyncio.sleep(PAUSE_S)

    async def ask(self, method: str, url: str, body: bytes | None, *, deadline_s: float) -> Answer:
        """One request, with a fresh token once more if the one in use is refused.

        Raises:
            RequestFailed: no answer came.
        """
        proof = await self._proof(None)
        answer = await self._asked(method, url, body, proof, deadline_s)
        if answer.status == 401 and proof:
            fresh = await self._proof(proof["Authorization"])
            if fresh != proof:
                answer = await self._asked(method, url, body, fresh, deadline_s)
        return answer

    async def _proof(self, refused: str | None) -> dict[str, str]:
        try:
            return await self.authorise(refused)
        except ServiceError as error:
            raise RequestFailed(error.fault, error.detail, sent=False) from None

    async def _asked(
        self, method: str, url: str, body: bytes | None, proof: dict[str, str], deadline_s: float
    ) -> Answer:
        headers = {"Accept": "application/json", **proof}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            return await outbound().request(
                method,
                url,
                deadline_s=deadline_s,
                connect_s=CONNECT_S,
                headers=headers,
                body=body,
                max_bytes=MAX_BODY_BYTES,
                verify_tls=self.verify_tls,
            )
        except OutboundError as error:
            detail = f"The bot cannot be reached: {error.reason}"
            if error.sent:
                detail = f"The bot gave no answer: {error.reason}"
            raise RequestFailed(error.fault, detail, sent=error.sent) from None


def _check(what: str, answer: Answer) -> None:
    if 200 <= answer.status < 300:
        return
    fault = fault_of_status(answer.status)
    detail = f"The bot answered the {what} with HTTP status {answer.status}"
    if fault is Fault.AUTHENTICATION:
        detail = f"The bot does not accept the gateway's token (HTTP status {answer.status})"
    raise RequestFailed(fault, detail, sent=True)
