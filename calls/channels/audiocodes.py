"""Voice channel ``audiocodes``: where VoiceAI Connect and Live Hub reach a bot."""

from django.urls import path

from calls.channels.probe import probe
from calls.channels.voice_consumer import VoiceConsumer

_ADDRESS = "voice/audiocodes/<slug:bot>"

WEBSOCKET_ROUTES = [path(_ADDRESS, VoiceConsumer.as_asgi())]
HTTP_ROUTES = [path(_ADDRESS, probe, name="voice-probe")]
