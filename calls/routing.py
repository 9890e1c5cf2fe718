"""WebSocket routes of the console; session and origin are checked around them."""

from django.urls import URLPattern, path

from calls.channels.browser_consumer import BrowserConsumer
from calls.consumers import LiveConsumer
from calls.listening import ListenConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
    path("ws/listen/<uuid:call>", ListenConsumer.as_asgi()),
    path("ws/call/<slug:bot>", BrowserConsumer.as_asgi()),
]
