"""The way to a bot: names, connections, certificates, and addresses that are out of bounds."""

from pathlib import Path
from typing import Any

import pytest

from bots import net
from bots.conformance import Grade, Report
from tests.bots.conformance.examining import detail, examined, facts, grades, subject
from tests.bots.test_net import self_signed
from tests.fakes.web import serving

pytestmark = pytest.mark.wire

WAY = ("address", "dns", "tcp", "tls")


async def way(url: str, **params: Any) -> Report:
    return await examined(subject("ac-api", {"botURL": url, **params}), *WAY)


@pytest.mark.usefixtures("loopback")
async def test_what_a_bad_certificate_stops_is_not_blamed_on_the_bot(tmp_path: Path) -> None:
    async with serving(self_signed(tmp_path)) as server:
        report = await examined(
            subject("ac-api", {"botURL": server.url}), "tls", "token", "handshake"
        )
    assert grades(report) == {
        "tls": Grade.FAILED,
        "token": Grade.SKIPPED,
        "handshake": Grade.SKIPPED,
    }
    assert "certificate is not trusted" in detail(report, "token")


@pytest.mark.usefixtures("loopback")
async def test_an_untrusted_certificate_fails_unless_it_is_allowed(tmp_path: Path) -> None:
    async with serving(self_signed(tmp_path)) as server:
        failed = await way(server.url)
        allowed = await way(server.url, botAllowSelfSignedCert=True)
    assert grades(failed)["tls"] is Grade.FAILED
    assert "self-signed certificate" in detail(failed, "tls")
    assert facts(failed, "tls")["expires"] == "2099-01-01"
    assert facts(failed, "tls")["version"] == "TLSv1.3"
    assert grades(allowed)["tls"] is Grade.WARNING
    assert "botAllowSelfSignedCert" in detail(allowed, "tls")


@pytest.mark.usefixtures("loopback")
async def test_a_server_that_speaks_no_tls_is_named() -> None:
    async with serving() as server:
        report = await way(server.url.replace("http:", "https:"))
        plain = await way(server.url)
    assert grades(report)["tls"] is Grade.FAILED
    assert grades(plain)["tls"] is Grade.SKIPPED


@pytest.mark.usefixtures("loopback")
async def test_a_port_where_nobody_listens_ends_the_run() -> None:
    async with serving() as gone:
        url = gone.url
    report = await examined(subject("ac-api", {"botURL": url}), "tcp", "join")
    assert grades(report) == {"tcp": Grade.FAILED, "join": Grade.SKIPPED}
    assert detail(report, "join") == "the bot cannot be reached"


async def test_a_name_that_nobody_knows_is_named() -> None:
    report = await way("http://no..where/bot")
    assert grades(report)["dns"] is Grade.FAILED
    assert grades(report)["tcp"] is Grade.SKIPPED


async def test_nobody_is_connected_to_where_the_gateway_may_not_go() -> None:
    net.configure(())
    async with serving() as server:
        report = await way(server.url)
        assert server.asked == []
    assert detail(report, "dns") == "the gateway may not go to this address"
    assert grades(report)["tcp"] is Grade.SKIPPED


async def test_a_bot_without_an_address_is_not_looked_for() -> None:
    report = await examined(subject("ac-api"))
    assert grades(report, Grade.SKIPPED) == {
        "configuration": Grade.OK,
        "address": Grade.FAILED,
    }
