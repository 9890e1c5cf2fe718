"""WebSocket routes of the console; session and origin are checked around them."""

from django.urls import URLPattern, path

from calls.consumers import LiveConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live", LiveConsumer.as_asgi()),
]
