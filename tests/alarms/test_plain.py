"""Texts and hosts as they leave."""

import pytest

from alarms.core.plain import cut, host_name, one_line
from tests.alarms.notices import HOSTILE

pytestmark = pytest.mark.pure


def test_a_line_has_no_ends_and_can_be_encoded() -> None:
    plain = one_line(HOSTILE)
    assert plain.startswith("a b  To: c ")
    assert plain.isprintable()
    assert len(plain) == len(HOSTILE)
    plain.encode()


@pytest.mark.parametrize(("octets", "text"), [(0, ""), (1, ""), (2, "ß"), (3, "ß"), (9, "ßß")])
def test_texts_are_cut_between_characters(octets: int, text: str) -> None:
    assert cut("ßß", octets).decode() == text


@pytest.mark.parametrize("name", ["", "nms.example.com", "nms.", "10.0.0.1", "fe80::1%eth0", "a_b"])
def test_hosts_that_can_be(name: str) -> None:
    assert host_name(name) == name


@pytest.mark.parametrize(
    "name", ["a b", "a\n", "http://a", "ä", "a@b", "\x00", "a..b", ".", "a" * 64]
)
def test_hosts_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match="host name or an IP address"):
        host_name(name)
