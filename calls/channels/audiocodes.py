"""Voice channel ``audiocodes``: where VoiceAI Connect and Live Hub reach a bot."""

from django.urls import path

from calls.channels.probe import probe
from calls.channels.report import report
from calls.channels.voice_consumer import VoiceConsumer

_ADDRESS = "voice/audiocodes/<slug:bot>"
_REPORTS = "voice/audiocodes/dialouts/<uuid:dialout>/<str:token>"

WEBSOCKET_ROUTES = [path(_ADDRESS, VoiceConsumer.as_asgi())]
HTTP_ROUTES = [
    path(_ADDRESS, probe, name="voice-probe"),
    path(_REPORTS, report, name="voice-dialout-report"),
]
