"""The ASGI application: console and API over HTTP, live feed and voice channels over WebSocket.

Voice sockets come from machines: they carry a token and no browser origin, so neither sessions nor
the origin check stand before them. The console's sockets have both.
"""

import os
from typing import Any
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402 - needs the loaded applications
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import (  # noqa: E402
    AllowedHostsOriginValidator,
    WebsocketDenier,
)
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402

from alarms.routing import websocket_urlpatterns as alarm_sockets  # noqa: E402
from calls.channels import routes as voice  # noqa: E402
from calls.routing import websocket_urlpatterns  # noqa: E402
from gateway_project.handler import ThreadedHandler  # noqa: E402

VOICE_PREFIX = "/voice/"


async def no_such_socket(scope: Any, receive: Any, send: Any) -> None:
    """Refuse the upgrade to an address nobody serves with HTTP 404."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})


class SameOrigin:
    """Refuses sockets of pages elsewhere, be it another port of this host, as forms are refused.

    The cookie of a host is sent from all its ports, so the name of the host alone says too little.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the socket or refuse it."""
        headers = {name: value.decode("latin1") for name, value in scope["headers"]}
        origin, host = headers.get(b"origin", ""), headers.get(b"host", "")
        own = urlsplit(origin).netloc.lower() == host.lower()
        chosen = self._application if own or origin in settings.CSRF_TRUSTED_ORIGINS else _denied
        await chosen(scope, receive, send)


_denied = WebsocketDenier()
_otherwise = re_path(r"", no_such_socket)  # type: ignore[arg-type]  # Channels routes ASGI applications
_voice = URLRouter([*voice.websocket_urlpatterns, _otherwise])
_console = AllowedHostsOriginValidator(
    SameOrigin(AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, *alarm_sockets, _otherwise])))
)


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """Sockets on the voice paths are calls; all others belong to the console."""
    chosen = _voice if scope["path"].startswith(VOICE_PREFIX) else _console
    await chosen(scope, receive, send)


application = ProtocolTypeRouter({"http": ThreadedHandler(), "websocket": websocket})
