"""Which addresses machine clients may have told of their calls.

This is for a clear answer in time; what keeps the gateway in is the guard of each connection
(`bots.net`), for a name can lead elsewhere tomorrow.
"""

import re
from collections.abc import Collection, Iterable

from yarl import URL

from bots.core.addresses import Destinations
from bots.core.errors import ParameterError

_LONGEST = 2000
_PLAIN_URL = re.compile(r"https?://[!\"$-.0->A-\[\]-~]+([/?#][!-\[\]-~]*)?", re.I | re.A)
"""An absolute address in ASCII, without user, spaces and backslashes."""
_HTTPS = 443
_FIRST_FREE_PORT = 1024
"""Below it are services that understand enough of a POST to do harm: mail, remote shells."""


def check_notify_url(url: str, hosts: Collection[str], allow: Iterable[str] = ()) -> None:
    """See that a machine client may have ``url`` told of its calls.

    It is an https URL of a public host, one of ``hosts`` (in lower case) if there are any. A
    host that ``allow`` (as for `Destinations`) adds may be private and speak http at any port.

    Raises:
        ParameterError: under ``notifyUrl``.
    """
    if problem := _notify_problem(url, hosts, Destinations(allow)):
        raise ParameterError({"notifyUrl": problem})


def _notify_problem(url: str, hosts: Collection[str], allowed: Destinations) -> str:
    if len(url) > _LONGEST or not _PLAIN_URL.fullmatch(url):
        return (
            f"must be an https URL of at most {_LONGEST} ASCII characters, without spaces, "
            "user name and password"
        )
    try:
        target = URL(url)
        host, port = (target.raw_host or "").lower().rstrip("."), target.port or 0
    except ValueError:
        return "is no URL that leads to a host"
    if hosts and host not in hosts:
        return f"this client may only have these hosts notified: {', '.join(hosts)}"
    if not allowed.may_include(host):
        return f"{host or 'this host'} is not public; the setting OUTBOUND_ALLOW can allow it"
    if allowed.adds(host):
        return ""
    if target.scheme != "https":
        return "must begin with https://; the setting OUTBOUND_ALLOW can allow a host without"
    if port != _HTTPS and port < _FIRST_FREE_PORT:
        return f"the port must be {_HTTPS}, or {_FIRST_FREE_PORT} or higher"
    return ""
