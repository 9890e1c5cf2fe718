"""Django behind ASGI: each request is one visit to a thread."""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ThreadedHandler(ASGIHandler):
    """Runs middleware and view of a request at a stretch in the request's own thread.

    Ours are synchronous. Stock Django would go to that thread and back for each of them, some
    twenty times a request, which costs more than most requests do themselves (ADR 0138).
    """

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's
        """The synchronous chain, whatever is asked for."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response to ``request``, made in its thread."""
        return await sync_to_async(self.get_response)(request)
