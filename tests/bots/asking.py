"""Asking through a way out, for its tests."""

import pytest

from bots.core.errors import Fault
from bots.net import Answer, Outbound, OutboundError

LOOPBACK = ("127.0.0.1",)
LONG_S = 30.0
"""A deadline that a test on an idle machine is far from."""


async def get(way_out: Outbound, url: str, *, redirects: int = 3, max_bytes: int = 100) -> Answer:
    return await way_out.request(
        "GET", url, deadline_s=LONG_S, redirects=redirects, max_bytes=max_bytes
    )


async def failure(way_out: Outbound, url: str, *, max_bytes: int = 100) -> OutboundError:
    with pytest.raises(OutboundError) as failed:
        await get(way_out, url, max_bytes=max_bytes)
    return failed.value


def reason_and_fault(error: OutboundError) -> tuple[str, Fault]:
    return error.reason, error.fault
