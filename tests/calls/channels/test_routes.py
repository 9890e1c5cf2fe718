"""Voice channels are found by their files; a broken one does not take the others with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import calls.channels
from bots.core import registry
from calls.channels.routes import collected

TOY = """
from django.http import HttpRequest, HttpResponse
from django.urls import path


def probe(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


HTTP_ROUTES = [path("voice/toy", probe)]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as one of voice channels."""
    monkeypatch.setattr(calls.channels, "__path__", [*calls.channels.__path__, str(tmp_path)])
    yield tmp_path
    registry.broken.clear()


OURS = [
    "voice/audiocodes/<slug:bot>",
    "voice/audiocodes/dialouts/<uuid:dialout>/<str:token>",
]


def addresses() -> list[str]:
    return [str(route.pattern) for route in collected("HTTP_ROUTES")]


def test_the_channels_of_the_gateway_are_found() -> None:
    assert addresses() == OURS
    sockets = [str(route.pattern) for route in collected("WEBSOCKET_ROUTES")]
    assert sockets == ["voice/audiocodes/<slug:bot>"]


def test_a_channel_is_one_more_file(folder: Path) -> None:
    (folder / "toy_channel.py").write_text(TOY)
    assert "voice/toy" in addresses()


def test_a_broken_channel_is_named_and_leaves_the_others_working(folder: Path) -> None:
    (folder / "broken_channel.py").write_text("import a_package_that_is_not_there\n")
    assert addresses() == OURS
    assert "a_package_that_is_not_there" in registry.broken["calls.channels.broken_channel"]
