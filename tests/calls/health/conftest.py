"""A desk of the test's own, at which everything is told that code of this process tells."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alarms import board, desk
from alarms.board import Board
from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.desk import Desk, Notices
from alarms.models import ActiveAlarm, AlarmRule
from alarms.services.sweeping import sweep
from bots.core import noticing
from tests.calls.channels.conftest import call, host, make_bot

__all__ = ["call", "host", "make_bot", "own_desk", "told"]


class Told:
    """What was told, as alarms. No condition has to hold for a while, no quiet is waited for."""

    def __init__(self, own: Desk) -> None:
        self._desk = own

    def active(self, kind: AlarmType) -> dict[str, str]:
        """The details of all that is wrong of ``kind``, by source."""
        self._desk.flush()
        rows = ActiveAlarm.objects.filter(type=kind.name)
        return dict(rows.values_list("source", "detail"))

    def forget(self, kind: AlarmType) -> None:
        """Let the time pass after which nobody thinks of ``kind`` any more."""
        sweep(timezone.now() + timedelta(seconds=kind.forget_after_s + 1))


def at_once() -> None:
    """Rules by which the tests need not wait; how often something must fail is as declared."""
    now: datetime = timezone.now()
    AlarmRule.objects.bulk_create(
        AlarmRule(type=name, hold_off_s=0, clear_after_s=0, changed_at=now) for name in CATALOGUE
    )


@pytest.fixture
def own_desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Takes what this process tells; writes it when it is asked what is active."""
    shown = Board()
    own = Desk(shown)
    for name in ("failed", "worked", "holds", "over", "only", "flush"):
        monkeypatch.setattr(desk, name, getattr(own, name))
    monkeypatch.setattr(board, "current", shown.current)
    noticing.listen(Notices(own))
    yield own
    noticing.listen(desk.notices)


@pytest.fixture
def told(db: None, own_desk: Desk) -> Told:
    at_once()
    own_desk.flush()
    return Told(own_desk)
