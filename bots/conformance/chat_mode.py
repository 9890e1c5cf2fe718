"""AudioCodes Bot API in chat mode, request by request: what a connector would smooth over."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec

from bots.conformance.examination import WRONG_TOKEN, Examination, Withdrawn
from bots.conformance.judging import creation_problems
from bots.conformance.talk import CALLER, stamp
from bots.connectors.ac_api.requests import SERVICE, Requests
from bots.core.activities import Activity, event, message
from bots.core.errors import Fault, ProtocolError, ServiceError
from bots.net import Answer, OutboundError, fault_of_status, outbound
from bots.protocols import ac_chat
from bots.protocols.ac_chat import Created

CHECKS = ("handshake", "refresh", "proactive", "repeated", "disconnect")
REQUEST_S = 10.0
MAX_FRAME_BYTES = 4_194_304


async def check_protocol(exam: Examination, url: str, requests: Requests) -> None:
    """Create a conversation and go through its addresses.

    Raises:
        ServiceError: the bot does not answer, or refuses what it must not.
    """
    exam.begin("handshake")
    name = str(uuid4())
    body = ac_chat.creating(name, exam.subject.bot)
    answer = await _asked(exam, requests, url, body)
    _see_success(answer, "did not create a conversation")
    try:
        created = ac_chat.created(answer.body, url)
    except ProtocolError as error:
        raise ServiceError(SERVICE, Fault.PROTOCOL, error.problem) from None
    _grade_creation(exam, answer, created)
    await _proactive(exam, requests, created)
    await _refresh(exam, requests, created, name)
    try:
        await _repeated(exam, requests, created, name)
    finally:
        await _disconnect(exam, requests, created, name)


def _grade_creation(exam: Examination, answer: Answer, created: Created) -> None:
    facts = {
        "activitiesURL": created.activities_url,
        "refreshURL": created.refresh_url,
        "disconnectURL": created.disconnect_url,
        "websocketURL": created.websocket_url,
        "expiresSeconds": f"{created.expires_s:g}",
    }
    problems = list(creation_problems(_object(answer)))
    if problems:
        exam.warn("handshake", "; ".join(problems), **facts)
    else:
        exam.ok("handshake", **facts)


async def _proactive(exam: Examination, requests: Requests, created: Created) -> None:
    if not created.websocket_url:
        exam.skip("the bot offers none", "proactive")
        return
    exam.begin("proactive")
    exam.recorder.record("to bot", {"websocket": created.websocket_url})
    try:
        socket = await outbound().websocket(
            created.websocket_url,
            deadline_s=exam.timing.connect_s,
            max_bytes=MAX_FRAME_BYTES,
            headers=await requests.authorise(None),
            verify_tls=requests.verify_tls,
        )
    except ServiceError as error:
        exam.fail("proactive", error.reason if isinstance(error, OutboundError) else error.detail)
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(exam.timing.quiet_s):
            await socket.close()
    exam.ok("proactive")


async def _refresh(exam: Examination, requests: Requests, created: Created, name: str) -> None:
    if not created.refresh_url:
        exam.skip("the bot gave no refreshURL", "refresh")
        return
    exam.begin("refresh")
    answer = await _asked(exam, requests, created.refresh_url, ac_chat.refreshing(name))
    if not _good(answer):
        exam.fail("refresh", f"refused with HTTP status {answer.status}")
        return
    told = ac_chat.expiry_s(answer.body)
    exam.ok("refresh", expiresSeconds="as before" if told is None else f"{told:g}")


async def _repeated(exam: Examination, requests: Requests, created: Created, name: str) -> None:
    """Say the same twice; the socket for the bot's own messages is closed, so answers come here."""
    exam.begin("repeated")
    start = event("start", **stamp(), parameters={"vaigConversationId": name, "caller": CALLER})
    said = message("Hello", **stamp())
    first = Answer(0, {}, b"")
    for activity in (start, said):
        first = await _told(exam, requests, created, name, activity)
    again = await _told(exam, requests, created, name, said)
    once = ac_chat.said(first.body).activities
    twice = ac_chat.said(again.body).activities
    if not once:
        exam.skip("the bot did not answer the first time", "repeated")
    elif not _good(again):
        exam.fail("repeated", f"the repetition is answered with HTTP status {again.status}")
    elif twice:
        exam.warn("repeated", f"answered again with {len(twice)} activities")
    else:
        exam.ok("repeated")


async def _disconnect(exam: Examination, requests: Requests, created: Created, name: str) -> None:
    if not created.disconnect_url:
        exam.warn("disconnect", "the bot gave no disconnectURL: it does not learn of the end")
        return
    before = exam.recorder.at
    exam.begin("disconnect")
    body = ac_chat.disconnecting(name, "client-disconnected", "The check of the bot is over")
    answer = await _asked(exam, requests, created.disconnect_url, body)
    if not _good(answer):
        exam.fail("disconnect", f"refused with HTTP status {answer.status}")
    else:
        after = await _told(exam, requests, created, name, message("Are you there?", **stamp()))
        if _good(after):
            exam.warn("disconnect", "it still takes activities of the conversation that ended")
        else:
            exam.ok("disconnect", afterwards=f"HTTP status {after.status}")
    exam.recorder.at = before


# --- requests -------------------------------------------------------------------------------------


async def _told(
    exam: Examination, requests: Requests, created: Created, name: str, activity: Activity
) -> Answer:
    url = created.activities_url
    return await _asked(exam, requests, url, ac_chat.telling(name, activity))


async def _asked(exam: Examination, requests: Requests, url: str, body: bytes) -> Answer:
    """One request, both sides of it in the trace."""
    exam.recorder.record("to bot", {"POST": url, "body": msgspec.json.decode(body)})
    answer = await requests.ask("POST", url, body, deadline_s=REQUEST_S)
    exam.recorder.record("from bot", {"status": answer.status, "body": _shown(answer)})
    return answer


def _shown(answer: Answer) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return answer.body.decode(errors="replace")


def _object(answer: Answer) -> dict[str, Any]:
    found = _shown(answer)
    return found if isinstance(found, dict) else {}


def _good(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _see_success(answer: Answer, problem: str) -> None:
    if not _good(answer):
        detail = f"The bot {problem} (HTTP status {answer.status})"
        raise ServiceError(SERVICE, fault_of_status(answer.status), detail)


# --- who is let in --------------------------------------------------------------------------------


async def check_stranger(exam: Examination, url: str, *, verify_tls: bool) -> None:
    """Create a conversation with a wrong token.

    Raises:
        ServiceError: no answer came.
        Withdrawn: the answer says nothing about the token.
    """
    name = str(uuid4())
    creating = ac_chat.creating(name, exam.subject.bot)
    answer = await _by_stranger(exam, url, creating, verify_tls=verify_tls)
    if answer.status in (401, 403):
        exam.ok("wrong-token", f"refused with HTTP status {answer.status}")
    elif not _good(answer):
        raise Withdrawn(f"the answer, HTTP status {answer.status}, tells nothing")
    else:
        exam.warn("wrong-token", "a wrong token is accepted: anybody can talk to this bot")
        with suppress(ServiceError, ProtocolError):
            created = ac_chat.created(answer.body, url)
            gone = ac_chat.disconnecting(name, "client-disconnected", "The check is over")
            if created.disconnect_url:
                await _by_stranger(exam, created.disconnect_url, gone, verify_tls=verify_tls)


async def _by_stranger(exam: Examination, url: str, body: bytes, *, verify_tls: bool) -> Answer:
    headers: Mapping[str, str] = {
        "Authorization": f"Bearer {WRONG_TOKEN}",
        "Content-Type": "application/json",
    }
    exam.recorder.record("to bot", {"POST": url, "body": msgspec.json.decode(body)})
    answer = await outbound().request(
        "POST",
        url,
        deadline_s=REQUEST_S,
        headers=headers,
        body=body,
        max_bytes=MAX_FRAME_BYTES,
        verify_tls=verify_tls,
    )
    exam.recorder.record("from bot", {"status": answer.status, "body": _shown(answer)})
    return answer
