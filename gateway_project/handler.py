"""Django behind ASGI: each request is one visit to a thread."""

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

THREADS = 64
"""Requests that a process works on at the same time; others wait. A request that waits for the
effect of an act holds a thread for up to half a minute."""

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="http")


class ThreadedHandler(ASGIHandler):
    """Answers a request at a stretch in one of the threads kept for that.

    Ours are synchronous. Stock Django would start a thread for each request and go there and back
    for its start, its end and each middleware, which costs more than most requests do themselves
    (ADR 0138).
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's
        """The synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request. Its client may leave meanwhile: it is answered all the same."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        response = await _in_thread(self._answer)(scope, body)
        await self.send_response(response, send)
        if response.streaming:
            await _in_thread(response.close)()

    def _answer(self, scope: dict[str, Any], body: IO[bytes]) -> HttpResponseBase:
        """The response, complete and closed unless it is a stream."""
        with body:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=type(self), scope=scope)
            request, refusal = self.create_request(scope, body)
            response: Any = refusal if request is None else self.get_response(request)
            response._handler_class = type(self)
            if not response.streaming:
                response.close()  # the end of the request: it gives its database connection back
        made: HttpResponseBase = response
        return made


def _in_thread(work: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    return sync_to_async(work, thread_sensitive=False, executor=_pool)
