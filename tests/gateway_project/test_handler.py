"""Requests behind ASGI: what reaches the application and how the answer comes back."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from django.core import signals
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from gateway_project.handler import ThreadedHandler

pytestmark = pytest.mark.wire

SECONDS = 10.0
seen: list[str] = []


def echo(request: HttpRequest) -> HttpResponse:
    seen.append(threading.current_thread().name)
    return HttpResponse(request.body + request.path.encode(), status=201)


def stream(_request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two"):
            yield part

    return StreamingHttpResponse(parts())


async def waits(_request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse("an asynchronous view")


urlpatterns = [path("echo", echo), path("stream", stream), path("waits", waits)]


@pytest.fixture
def handler(settings: Any) -> ThreadedHandler:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    seen.clear()
    return ThreadedHandler()


async def answered(
    handler: ThreadedHandler, where: str, *inbound: dict[str, Any]
) -> list[dict[str, Any]]:
    """What the application sends; it gets the messages ``inbound``, then no more."""
    scope = {"type": "http", "method": "POST", "path": where, "headers": [], "query_string": b""}
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for message in inbound:
        messages.put_nowait(message)
    sent: list[dict[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(dict(message))

    async with asyncio.timeout(SECONDS):
        await handler(scope, messages.get, send)
    return sent


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": data, "more_body": more}


async def test_a_request_is_answered_in_a_thread_of_its_own(handler: ThreadedHandler) -> None:
    start, content = await answered(handler, "/echo", body(b"some ", more=True), body(b"words "))
    assert start["status"] == 201
    assert content["body"] == b"some words /echo"
    (thread,) = seen
    assert thread.startswith("http")


async def test_django_is_told_of_the_start_and_the_end_in_that_thread(
    handler: ThreadedHandler,
) -> None:
    def told(**_: Any) -> None:
        seen.append(threading.current_thread().name)

    both = (signals.request_started, signals.request_finished)
    for signal in both:
        signal.connect(told)
    try:
        await answered(handler, "/echo", body(b""))
    finally:
        for signal in both:
            signal.disconnect(told)
    assert len(seen) == 3
    assert len(set(seen)) == 1


async def test_a_stream_is_sent_piece_by_piece(handler: ThreadedHandler) -> None:
    start, *parts = await answered(handler, "/stream", body(b""))
    assert start["status"] == 200
    assert [part.get("body", b"") for part in parts] == [b"one ", b"two", b""]


async def test_an_asynchronous_view_works(handler: ThreadedHandler) -> None:
    _start, content = await answered(handler, "/waits", body(b""))
    assert content["body"] == b"an asynchronous view"


async def test_a_client_that_leaves_in_its_request_is_not_answered(
    handler: ThreadedHandler,
) -> None:
    gone = {"type": "http.disconnect"}
    assert await answered(handler, "/echo", body(b"some", more=True), gone) == []
    assert not seen
