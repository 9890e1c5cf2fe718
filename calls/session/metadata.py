"""A bot's metadata on its way to another system (product description 6.13.2)."""

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec
import structlog
from pydantic import SecretStr

from bots.core.params.sections.metadata import MetaData
from bots.net import Answer, Outbound, OutboundError, outbound
from calls.core.commands import PostMetaData
from calls.core.events import MetaDataSent

RETRY_PAUSE_S = 0.5
"""Wait before the second attempt when there was no connection: a restart takes a moment."""
MAX_POSTS = 20
"""Posts of a call that may be under way; what the bot wants posted beyond is not."""

log = structlog.get_logger(__name__)


class Posts:
    """The posts of one call; ``report`` is told what came of each.

    They end by themselves, be it after the call: metadata often comes with a hang-up.
    """

    def __init__(self, report: Callable[[MetaDataSent], None]) -> None:
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, command: PostMetaData, params: MetaData, group: asyncio.TaskGroup) -> None:
        """Carry ``command`` out in ``group``."""
        if len(self._tasks) >= MAX_POSTS:
            self._report(MetaDataSent("too many requests are under way"))
            return
        task = group.create_task(self._send(command, params))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: PostMetaData, params: MetaData) -> None:
        sent = await post_metadata(
            outbound(),
            command,
            username=params.send_meta_data_username,
            password=params.send_meta_data_password,
        )
        if sent.problem:
            log.warning("metadata.not_sent", **{"pii.problem": sent.problem})
        self._report(sent)


async def post_metadata(
    way: Outbound, command: PostMetaData, *, username: str, password: SecretStr
) -> MetaDataSent:
    """Carry ``command`` out: POST the metadata as JSON, with Basic authentication if ``username``.

    Any 2xx is success, and nothing else of the answer counts. Redirects are not followed: the
    credentials and the call's data are for the configured address only. When no connection could be
    made there is one more attempt; all of it within the command's time limit. Never raises.
    """
    headers = {"Content-Type": "application/json"}
    if username:
        try:
            secret = password.get_secret_value()
            headers["Authorization"] = aiohttp.encode_basic_auth(username, secret)
        except ValueError:
            return MetaDataSent("a user name cannot hold a colon")
    try:
        body = msgspec.json.encode(command.metadata)
    except (ValueError, TypeError, RecursionError):  # half a surrogate pair; nested too deep
        return MetaDataSent("it is no JSON")
    try:
        async with asyncio.timeout(command.timeout_ms / 1000):
            answer = await _post(way, command, headers, body)
    except OutboundError as error:
        return MetaDataSent(error.reason)
    except TimeoutError:
        return MetaDataSent("no answer in time")
    succeeded = 200 <= answer.status < 300
    return MetaDataSent("" if succeeded else f"HTTP {answer.status}")


async def _post(
    way: Outbound, command: PostMetaData, headers: dict[str, str], body: bytes
) -> Answer:
    deadline_s = command.timeout_ms / 1000
    try:
        return await way.request(
            "POST", command.url, deadline_s=deadline_s, headers=headers, body=body
        )
    except OutboundError as error:
        if error.sent or not error.fault.retryable:
            raise
    await asyncio.sleep(RETRY_PAUSE_S)
    return await way.request("POST", command.url, deadline_s=deadline_s, headers=headers, body=body)
