"""WebSocket routes of the pages about alarms; session and origin are checked around them."""

from django.urls import URLPattern, path

from alarms.consumers import AlarmConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/alarms", AlarmConsumer.as_asgi())]
