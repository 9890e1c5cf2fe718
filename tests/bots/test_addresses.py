"""Which addresses are public, and what an operator adds to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.addresses import Destinations

pytestmark = pytest.mark.pure

INTERNAL = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "192.0.0.192",
    "168.63.129.16",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:7f00:1::",
    "3fff::1",
    "64:ff9b:1::a00:1",
    "4000::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "99.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", INTERNAL)
def test_what_is_not_on_the_public_internet_is_not_included(address: str) -> None:
    assert not Destinations().includes(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_included(address: str) -> None:
    assert Destinations().includes(address)


@given(st.ip_addresses(v=4))
def test_no_way_to_write_an_address_makes_it_more_public(address: object) -> None:
    allowed = Destinations()
    for written in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert allowed.includes(written) == allowed.includes(str(address))


def test_an_allowed_network_is_included_however_its_addresses_are_written() -> None:
    allowed = Destinations(["10.1.0.0/16", "::1"])
    assert [
        allowed.includes(address)
        for address in ("10.1.255.1", "::ffff:10.1.0.1", "::1", "10.2.0.1", "::2", "127.0.0.1")
    ] == [True, True, True, False, False, False]


def test_a_host_is_allowed_by_its_full_name_only() -> None:
    allowed = Destinations(["CRM.Internal.", "files_1"])
    assert allowed.names("crm.internal")
    assert allowed.names("Crm.Internal.")
    assert allowed.names("files_1")
    assert not allowed.names("a.crm.internal")
    assert not allowed.names("internal")
    assert not allowed.names("")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "10.0.0.1/8",
        "10.0.0.300",
        "a b",
        "*",
        "*.example.com",
        "http://x",
        "x:80",
        "a..b",
        "[::1]",
    ],
)
def test_an_entry_that_is_neither_network_nor_name_is_refused(entry: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its text is the entry
        Destinations(["crm.internal", entry])
    assert refused.value.args == (entry,)


def test_what_an_entry_adds_is_told_from_what_is_public_anyway() -> None:
    allowed = Destinations(["10.1.0.0/16", "crm.internal"])
    hosts = ("10.1.0.1", "CRM.internal.", "9.9.9.9", "10.2.0.1", "example.com", "localhost")
    assert [allowed.adds(host) for host in hosts] == [True, True, False, False, False, False]
    assert [allowed.may_include(host) for host in hosts] == [True, True, True, False, True, False]


@pytest.mark.parametrize(
    "host",
    ["", ".", "2130706433", "0x7f.1", "127.1", "a..b", "-a.example", "a.example.1", "x" * 64,
     "localhost.", "db.localhost", "x.localdomain", "a b", f"{'a.' * 127}com"],
)  # fmt: skip
def test_what_is_neither_name_nor_address_is_not_reached(host: str) -> None:
    assert not Destinations().may_include(host)
