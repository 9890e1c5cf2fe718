"""Addresses that clients have notified: refused early and in words, or at the connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.errors import Fault, ParameterError
from bots.core.notify_url import check_notify_url
from bots.net import Outbound, OutboundError
from tests.bots.asking import LONG_S, LOOPBACK
from tests.fakes.web import Names, serving

PUBLIC = "https://dialer.example.com/notify?id=1"
LOOPBACK_SPELLINGS = [
    "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001",
    "017700000001", "127.1", "0x7f.1", "0177.0.0.1", "0.0.0.0", "localhost.", "127.0.0.1.",
    "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::]", "foo.localhost", "LOCALHOST",
]  # fmt: skip
OTHER_PRIVATE = [
    "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "168.63.129.16",
    "192.0.0.192", "[fd00:ec2::254]", "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:a9fe:a9fe]",
    "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "[ff02::1]",
]  # fmt: skip
FULLWIDTH = [
    "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u24dbocalhost", "l\u043ecalhost",
]  # fmt: skip
"""Digits, dots and letters that some programs take for those of ASCII."""


def problem(url: str, *hosts: str, allow: tuple[str, ...] = ()) -> str:
    """What is wrong with ``url``; nothing: it is accepted."""
    try:
        check_notify_url(url, hosts, allow)
    except ParameterError as error:
        return error.problems.pop("notifyUrl")
    return ""


@pytest.mark.pure
@pytest.mark.parametrize(
    "url",
    [PUBLIC, "https://dialer.example.com", "HTTPS://Dialer.Example.com:8443/x", "https://9.9.9.9/",
     "https://[2620:fe::fe]/", "https://xn--mnchen-3ya.example/", "https://dialer.example.com./"],
)  # fmt: skip
def test_a_public_https_address_is_accepted(url: str) -> None:
    assert problem(url) == ""


@pytest.mark.pure
@pytest.mark.parametrize("host", [*LOOPBACK_SPELLINGS, *OTHER_PRIVATE, *FULLWIDTH, ""])
def test_no_spelling_of_an_address_of_ours_is_accepted(host: str) -> None:
    assert problem(f"https://{host}/")
    assert problem(f"https://{host}:8443")


@pytest.mark.pure
@pytest.mark.parametrize(
    "url",
    ["", "notify", "//dialer.example.com/", "ftp://dialer.example.com/", "file:///etc/passwd",
     "https:///x", "https://", "https://u:p@dialer.example.com/", "https://u@dialer.example.com/",
     "https://dialer.example.com\\@127.0.0.1/", "https://dialer.example.com/\r\nX: 1",
     "https://dialer.example.com/\0", "https://dialer.example.com/ x", "https://dialer.example.com/ü",
     "https://dialer.example.com:99999/", "https://dialer.example.com:x/", "https://[::1/",
     "javascript:1", "http\u017f://dialer.example.com/",
     "https://dialer.example.com/" + "x" * 2000, "https://dialer.example.com:0/", "https://a..example/"],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    assert problem(url)


@pytest.mark.pure
@pytest.mark.parametrize("port", [22, 25, 80, 465, 1023])
def test_ports_of_other_services_are_refused(port: int) -> None:
    assert "the port must be 443" in problem(f"https://dialer.example.com:{port}/")


@pytest.mark.pure
def test_http_is_for_hosts_that_the_operator_added_and_they_may_be_private() -> None:
    assert "https://" in problem("http://dialer.example.com/")
    assert problem("http://dialer.example.com/", allow=("dialer.example.com",)) == ""
    assert problem("http://10.1.2.3:80/", allow=("10.0.0.0/8",)) == ""
    assert problem("http://localhost:9/", allow=("localhost",)) == ""
    assert "OUTBOUND_ALLOW" in problem("http://10.1.2.3/", allow=("192.168.0.0/16",))


@pytest.mark.pure
def test_a_client_with_a_list_of_hosts_has_only_these_notified() -> None:
    assert problem(PUBLIC, "dialer.example.com", "other.example") == ""
    found = problem("https://evil.example/", "dialer.example.com", "other.example")
    assert "dialer.example.com, other.example" in found
    assert problem("https://dialer.example.com.evil.example/", "dialer.example.com")
    assert "not public" in problem("https://localhost/", "localhost")


@pytest.mark.pure
@given(st.text(max_size=80))
def test_no_text_does_any_harm(text: str) -> None:
    problem(text)
    problem(f"https://{text}/")


@pytest.mark.wire
@pytest.mark.parametrize("host", [*LOOPBACK_SPELLINGS, *FULLWIDTH])
async def test_no_spelling_of_loopback_reaches_a_server_there(host: str) -> None:
    async with serving() as server, Outbound() as guarded:
        with pytest.raises(OutboundError):
            await guarded.request("POST", f"http://{host}:{server.port}/", deadline_s=LONG_S)
        assert server.asked == []


@pytest.mark.wire
async def test_a_name_that_leads_elsewhere_when_it_matters_reaches_nobody() -> None:
    async with serving() as server, serving() as second:
        server.page("/", Connection="close")
        names = Names(rebinding=[LOOPBACK, ["127.0.0.2"]])
        async with Outbound(LOOPBACK, resolver=names) as guarded:
            url = f"http://rebinding.example.com:{server.port}/"
            assert (await guarded.request("POST", url, deadline_s=LONG_S)).status == 200
            with pytest.raises(OutboundError) as failed:
                await guarded.request("POST", url, deadline_s=LONG_S)
        assert failed.value.fault is Fault.INVALID_REQUEST
        assert not failed.value.sent
        assert len(server.asked) == 1
        assert second.asked == []


@pytest.mark.wire
async def test_a_public_host_cannot_send_the_courier_elsewhere_by_a_redirect() -> None:
    async with serving() as server, Outbound(LOOPBACK) as guarded:
        for status in (301, 302, 303, 307, 308):
            url = server.page(f"/{status}", status=status, Location=f"{server.url}/inside")
            assert (await guarded.request("POST", url, deadline_s=LONG_S)).status == status
        assert "/inside" not in [asked.path for asked in server.asked]
