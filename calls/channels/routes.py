"""Where voice channels are reached: collected from the files of this folder.

A voice channel is one file here that sets ``WEBSOCKET_ROUTES``, ``HTTP_ROUTES`` or both, lists of
`django.urls.path`. Addresses begin with ``voice/``. Sockets there are authenticated by their
channel; neither a session nor the origin check stands before them, for machines have neither. A
file that cannot be loaded is a warning of ``manage.py check`` and leaves the others working.
"""

import importlib
import pkgutil
from typing import Literal

from django.urls import URLPattern

from bots.core import registry

PACKAGE = "calls.channels"


def collected(kind: Literal["WEBSOCKET_ROUTES", "HTTP_ROUTES"]) -> list[URLPattern]:
    """The routes of that kind of every channel that could be loaded, by file name."""
    registry.discover([PACKAGE])
    folder = importlib.import_module(PACKAGE).__path__
    names = [f"{PACKAGE}.{module.name}" for module in pkgutil.iter_modules(folder)]
    channels = [importlib.import_module(name) for name in names if name not in registry.broken]
    return [route for channel in channels for route in getattr(channel, kind, ())]


websocket_urlpatterns = collected("WEBSOCKET_ROUTES")
http_urlpatterns = collected("HTTP_ROUTES")
