"""The ASGI application: console and API over HTTP, live feed and voice channels over WebSocket.

Voice sockets come from machines: they carry a token and no browser origin, so neither sessions nor
the origin check stand before them. The console's sockets have both.
"""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django.setup()

from channels.auth import AuthMiddlewareStack  # noqa: E402 - needs the loaded applications
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402

from calls.channels import routes as voice  # noqa: E402
from calls.routing import websocket_urlpatterns  # noqa: E402

VOICE_PREFIX = "/voice/"


async def no_such_socket(scope: Any, receive: Any, send: Any) -> None:
    """Refuse the upgrade to an address nobody serves with HTTP 404."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.http.response.start", "status": 404, "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})


_otherwise = re_path(r"", no_such_socket)  # type: ignore[arg-type]  # Channels routes ASGI applications
_voice = URLRouter([*voice.websocket_urlpatterns, _otherwise])
_console = AllowedHostsOriginValidator(
    AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, _otherwise]))
)


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """Sockets on the voice paths are calls; all others belong to the console."""
    chosen = _voice if scope["path"].startswith(VOICE_PREFIX) else _console
    await chosen(scope, receive, send)


application = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": websocket})
