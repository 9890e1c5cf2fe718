"""Which network addresses the gateway may be sent to by somebody who names one."""

import ipaddress
import re
from collections.abc import Iterable

_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?\.?"
)
"""A host name; its last label begins with a letter (RFC 1123, 2.1), so it is no address."""
_LOCAL = re.compile(r"(^|\.)(localhost|localdomain)\.?\Z")
"""Names of this machine (RFC 6761, 6.3)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses seen from a network that only speaks IPv6 (RFC 6052, section 2.1)."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that the public Internet uses (RFC 4291, section 2.4)."""
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments; a cloud's metadata service at .192
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "168.63.129.16/32",  # the platform service inside each machine of Azure
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""What `ipaddress` of Python 3.11 takes for public although no server of the Internet is there."""


class Destinations:
    """The public Internet, and what an operator adds: networks and exact host names.

    Raises:
        ValueError: an entry of ``allow`` is neither ``10.1.0.0/16``, ``::1`` nor ``crm.internal``;
            the message is that entry.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        entries = [_entry(text) for text in allow]
        self._networks = [entry for entry in entries if not isinstance(entry, str)]
        self._hosts = frozenset(entry for entry in entries if isinstance(entry, str))

    def names(self, host: str) -> bool:
        """Whether ``host`` is allowed by name, whatever it resolves to."""
        return host.lower().rstrip(".") in self._hosts

    def includes(self, address: str) -> bool:
        """Whether ``address`` (IPv4 or IPv6) is public or in an allowed network."""
        ip = _meant(address)
        return _is_public(ip) or any(ip in network for network in self._networks)

    def adds(self, host: str) -> bool:
        """Whether ``host``, a name or an address, is allowed by an entry of its own."""
        if self.names(host):
            return True
        try:
            ip = _meant(host)
        except ValueError:
            return False
        return any(ip in network for network in self._networks)

    def may_include(self, host: str) -> bool:
        """Whether ``host``, a name or an address, can be one that is reached.

        Where a name leads is only known when a connection is made. Names of this machine and
        what only some programs take for an address (``2130706433``, ``0x7f.1``) are neither.
        """
        if self.names(host):
            return True
        try:
            return self.includes(host)
        except ValueError:
            return bool(_NAME.fullmatch(host)) and not _LOCAL.search(host)


def _entry(text: str) -> _Network | str:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        host = text.lower().rstrip(".")
        # NB A last label of digits only would be a mistyped address, never a name (RFC 1123, 2.1).
        if not re.fullmatch(r"([a-z0-9_-]+\.)*[a-z_-][a-z0-9_-]*", host):
            raise ValueError(text) from None
        return host


def _meant(address: str) -> _Ip:
    """The address that packets go to: IPv4 may be written inside IPv6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip
    return ip


def _is_public(ip: _Ip) -> bool:
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    special = ip.is_multicast or any(ip in network for network in _NOT_PUBLIC)
    return ip.is_global and not special
