"""Figures about calls for the pages about bots."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from bots.core.figures import BotFigures, bot_figures
from calls import figures
from tests.calls.conftest import MakeCall

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_calls_are_counted_by_bot(
    make_call: MakeCall, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lately = now() - timedelta(hours=1)
    make_call(started_at=lately)
    make_call(started_at=lately)
    make_call(started_at=lately, ended_by="gateway", reason_code="error")
    make_call(started_at=lately, ended=False)
    make_call(started_at=lately, is_test=True)
    make_call(started_at=now() - timedelta(days=2))
    make_call(started_at=lately, ended=False, is_test=True, bot_name="tried")
    with django_assert_num_queries(2):
        found = figures.bot_figures()
    assert found == {
        "demo": BotFigures(live=1, day=4, failed=1),
        "tried": BotFigures(live=1, day=0, failed=0),
    }
    assert bot_figures() == found
