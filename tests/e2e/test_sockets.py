"""Which WebSocket addresses exist, and who is let in."""

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.e2e.installation import Gateway


def refusal(url: str, *, origin: Origin | None = None) -> int:
    """The HTTP status with which the upgrade is refused."""
    with pytest.raises(InvalidStatus) as refused, connect(url, origin=origin):
        pass
    return refused.value.response.status_code


@pytest.mark.parametrize("path", ["/voice/", "/voice/nowhere", "/voice/audiocodes/", "/ws/none"])
def test_an_address_nobody_serves_is_http_404(gateway: Gateway, path: str) -> None:
    assert refusal(gateway.ws_url + path, origin=Origin(gateway.url)) == 404


def test_a_bot_that_does_not_exist_is_http_404(gateway: Gateway) -> None:
    assert refusal(f"{gateway.ws_url}/voice/audiocodes/nobody") == 404


@pytest.mark.parametrize("origin", [None, Origin("http://evil.example.com")])
def test_a_page_of_another_site_cannot_open_the_live_feed(
    gateway: Gateway, origin: Origin | None
) -> None:
    assert refusal(f"{gateway.ws_url}/ws/live", origin=origin) == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]"])
def test_a_page_of_another_port_of_this_host_cannot_open_the_consoles_sockets(
    gateway: Gateway, origin: str
) -> None:
    assert refusal(f"{gateway.ws_url}/ws/live", origin=Origin(origin)) == 403
    assert refusal(f"{gateway.ws_url}/ws/call/demo", origin=Origin(origin)) == 403


def test_the_consoles_own_pages_can_open_its_sockets(gateway: Gateway) -> None:
    with connect(f"{gateway.ws_url}/ws/live", origin=Origin(gateway.url)) as feed:
        assert feed.response is not None
        assert feed.response.status_code == 101


def test_a_voice_server_needs_no_origin(gateway: Gateway) -> None:
    with connect(f"{gateway.ws_url}/voice/audiocodes/demo") as call:
        assert call.response is not None
        assert call.response.status_code == 101
