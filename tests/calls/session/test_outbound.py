"""The way out of a process: one, with what the environment allows."""

import pytest
from pytest_django import Settings

from bots.net import OutboundError
from calls.session import outbound as outbound_module
from calls.session.outbound import outbound
from tests.fakes.web import serving

pytestmark = pytest.mark.wire


async def test_a_process_has_one_way_out_and_it_leads_where_the_environment_allows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "_outbound", None)
    settings.OUTBOUND_ALLOW = ("127.0.0.0/8",)
    async with serving() as server:
        try:
            answer = await outbound().request("GET", server.page("/page"), deadline_s=30)
            assert answer.status == 200
            with pytest.raises(OutboundError, match="address not allowed"):
                await outbound().request("GET", "http://10.0.0.1/", deadline_s=30)
            assert outbound() is outbound()
        finally:
            await outbound().close()


async def test_nothing_beyond_the_public_internet_is_allowed_unless_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound_module, "_outbound", None)
    async with outbound() as way_out:
        with pytest.raises(OutboundError, match="address not allowed"):
            await way_out.request("GET", "http://127.0.0.1:1/", deadline_s=30)
