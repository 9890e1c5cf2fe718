"""The guard of the way out: no address, name or redirect leads past it."""

from collections.abc import AsyncIterator

import pytest

from bots.core.errors import Fault
from bots.net import Outbound
from tests.bots.asking import LONG_S, LOOPBACK, failure, get, reason_and_fault
from tests.fakes.web import FakeWeb, Names, serving

pytestmark = pytest.mark.wire

REFUSED = ("address not allowed", Fault.INVALID_REQUEST)


@pytest.fixture
async def server() -> AsyncIterator[FakeWeb]:
    async with serving() as fake:
        yield fake


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(LOOPBACK) as way_out:
        yield way_out


# --- what may not be reached --------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"],
)
async def test_addresses_beyond_the_public_internet_are_refused(host: str) -> None:
    async with Outbound() as guarded:
        error = await failure(guarded, f"http://{host}:1/")
    assert reason_and_fault(error) == REFUSED
    assert not error.sent


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1"])
async def test_odd_spellings_of_an_address_do_not_get_past_the_guard(
    server: FakeWeb, host: str
) -> None:
    async with Outbound() as guarded:
        assert not (await failure(guarded, f"http://{host}:{server.port}/")).fault.retryable
    assert server.asked == []


async def test_a_name_is_judged_by_where_it_leads_at_each_connection(server: FakeWeb) -> None:
    names = Names(files=[LOOPBACK, ["127.0.0.2"]])
    server.page("/page", Connection="close")
    async with Outbound(LOOPBACK, resolver=names) as guarded:
        url = f"http://files.example.com:{server.port}/page"
        assert (await get(guarded, url)).status == 200
        assert reason_and_fault(await failure(guarded, url)) == REFUSED
    assert len(server.asked) == 1


async def test_of_several_addresses_only_allowed_ones_are_tried(server: FakeWeb) -> None:
    names = Names(files=[["10.0.0.1", "fd00::1", "127.0.0.1"]])
    server.page("/page")
    async with Outbound(LOOPBACK, resolver=names) as guarded:
        url = f"http://files.example.com:{server.port}/page"
        assert (await get(guarded, url)).status == 200


async def test_a_host_allowed_by_name_may_be_anywhere_and_its_neighbours_may_not(
    server: FakeWeb,
) -> None:
    names = Names(crm=[LOOPBACK], files=[LOOPBACK])
    other = f"http://files.example.com:{server.port}/"
    server.page("/page")
    server.page("/away", status=302, Location=other)
    async with Outbound(["crm.example.com"], resolver=names) as guarded:
        url = f"http://CRM.example.com:{server.port}"
        assert (await get(guarded, f"{url}/page")).status == 200
        for refused in (other, f"{url}/away", f"http://127.0.0.1:{server.port}/"):
            assert reason_and_fault(await failure(guarded, refused)) == REFUSED
    assert [asked.path for asked in server.asked] == ["/page", "/away"]


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/x", "file:///etc/passwd", "//127.0.0.1/", "page", "", "http://", "http://[::1",
     "http://127.0.0.1:99999/", "gopher://x"],
)  # fmt: skip
async def test_only_http_and_https_are_spoken(outbound: Outbound, url: str) -> None:
    error = await failure(outbound, url)
    assert reason_and_fault(error) == ("not an http or https address", Fault.INVALID_REQUEST)


# --- redirects ----------------------------------------------------------------------------------


async def test_three_redirects_are_followed_and_a_fourth_is_not(
    server: FakeWeb, outbound: Outbound
) -> None:
    server.page("/end", b"here")
    server.page("/1", status=302, Location="/end")
    server.page("/2", status=307, Location="/1")
    third = server.page("/3", status=301, Location=f"{server.url}/2")
    fourth = server.page("/4", status=308, Location="/3")
    assert (await get(outbound, third)).body == b"here"
    error = await failure(outbound, fourth)
    assert reason_and_fault(error) == ("too many redirects", Fault.PROTOCOL)


async def test_redirects_are_answers_unless_they_are_wanted(
    server: FakeWeb, outbound: Outbound
) -> None:
    url = server.page("/page", status=302, Location="/end")
    assert (await get(outbound, url, redirects=0)).status == 302
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("location", "outcome"),
    [
        ("http://10.0.0.1/", REFUSED),
        ("http://169.254.169.254/latest/meta-data", REFUSED),
        ("http://[::1]:1/", REFUSED),
        ("file:///etc/passwd", ("not an http or https address", Fault.INVALID_REQUEST)),
        ("http://[", ("not an http or https address", Fault.INVALID_REQUEST)),
    ],
)
async def test_a_redirect_leads_nowhere_that_an_address_may_not(
    server: FakeWeb, outbound: Outbound, location: str, outcome: tuple[str, Fault]
) -> None:
    url = server.page("/page", status=302, Location=location)
    assert reason_and_fault(await failure(outbound, url)) == outcome


async def test_an_authorization_does_not_go_to_another_origin(
    server: FakeWeb, outbound: Outbound
) -> None:
    async with serving() as other:
        url = server.page("/page", status=302, Location=other.page("/end"))
        secret = {"Authorization": "Bearer 1"}
        await outbound.request("GET", url, deadline_s=LONG_S, headers=secret, redirects=1)
        assert "Authorization" in server.asked[0].headers
        assert "Authorization" not in other.asked[0].headers
