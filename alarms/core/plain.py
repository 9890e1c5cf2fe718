"""Texts as they may leave for other systems, and hosts as people name them."""

import re

_HOST = re.compile(r"[A-Za-z0-9_.:%-]*")


def one_line(text: str) -> str:
    """``text`` in one line that can be encoded: whatever is not printed becomes a space."""
    return "".join(each if each.isprintable() else " " for each in text)


def cut(text: str, octets: int) -> bytes:
    """``text`` in UTF-8, cut to so many octets between two characters."""
    return text.encode()[:octets].decode(errors="ignore").encode()


def host_name(value: str) -> str:
    """``value``, which may be empty, if it can be a host name or an IP address.

    Raises:
        ValueError: it cannot.
    """
    labels = value.removesuffix(".").split(".") if value else []
    if not _HOST.fullmatch(value) or not all(0 < len(label) < 64 for label in labels):
        raise ValueError("must be a host name or an IP address")
    return value
