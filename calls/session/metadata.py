"""A bot's metadata on its way to another system (product description 6.13.2)."""

import asyncio

import aiohttp
import msgspec
from pydantic import SecretStr

from bots.net import Answer, Outbound, OutboundError
from calls.core.commands import PostMetaData
from calls.core.events import MetaDataSent

RETRY_PAUSE_S = 0.5
"""Wait before the second attempt when there was no connection: a restart takes a moment."""


async def post_metadata(
    outbound: Outbound, command: PostMetaData, *, username: str, password: SecretStr
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
            answer = await _post(outbound, command, headers, body)
    except OutboundError as error:
        return MetaDataSent(error.reason)
    except TimeoutError:
        return MetaDataSent("no answer in time")
    succeeded = 200 <= answer.status < 300
    return MetaDataSent("" if succeeded else f"HTTP {answer.status}")


async def _post(
    outbound: Outbound, command: PostMetaData, headers: dict[str, str], body: bytes
) -> Answer:
    deadline_s = command.timeout_ms / 1000
    try:
        return await outbound.request(
            "POST", command.url, deadline_s=deadline_s, headers=headers, body=body
        )
    except OutboundError as error:
        if error.sent or not error.fault.retryable:
            raise
    await asyncio.sleep(RETRY_PAUSE_S)
    return await outbound.request(
        "POST", command.url, deadline_s=deadline_s, headers=headers, body=body
    )
