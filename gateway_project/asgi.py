"""The ASGI application: console and API over HTTP, live feed and voice channels over WebSocket."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django.setup()

from channels.routing import ProtocolTypeRouter  # noqa: E402 - needs the loaded applications
from django.core.asgi import get_asgi_application  # noqa: E402

application = ProtocolTypeRouter({"http": get_asgi_application()})
