"""Activities of one frame: a bad one costs itself, not its neighbours."""

import pytest

from bots.protocols.ac_bot_api import ActivitiesReceived, Rejected
from bots.protocols.ac_bot_api.events import read_activities
from bots.protocols.ac_bot_api.messages import Activities

pytestmark = pytest.mark.pure

GOOD = {"type": "message", "text": "hello"}
BAD = {"text": "no type"}


def test_good_activities_keep_their_order_beside_a_bad_one() -> None:
    received, rejected = read_activities(Activities(activities=[GOOD, BAD, GOOD | {"text": "bye"}]))

    assert isinstance(received, ActivitiesReceived)
    assert [activity.text for activity in received.activities] == ["hello", "bye"]
    assert isinstance(rejected, Rejected)
    assert rejected.problem.startswith("activities: ")


def test_when_all_are_bad_nothing_is_received() -> None:
    assert [type(what) for what in read_activities(Activities(activities=[BAD]))] == [Rejected]


def test_no_activities_are_nothing() -> None:
    assert read_activities(Activities(activities=[])) == []
