"""Where voice channels are reached: WebSocket routes for machines and their HTTP probes."""

from django.urls import URLPattern, path

from calls.channels.probe import probe
from calls.channels.voice_consumer import VoiceConsumer

_AUDIOCODES = "voice/audiocodes/<slug:bot>"

websocket_urlpatterns: list[URLPattern] = [path(_AUDIOCODES, VoiceConsumer.as_asgi())]
"""Authenticated by bearer token; no session, no origin check (machines send no Origin)."""

http_urlpatterns: list[URLPattern] = [path(_AUDIOCODES, probe, name="voice-probe")]
