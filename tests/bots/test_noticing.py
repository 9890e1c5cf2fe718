"""The port by which this room tells what it notices."""

from collections.abc import Iterator

import pytest

from bots.core import noticing

pytestmark = pytest.mark.pure


class Heard:
    """Somebody who writes down what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def failed(self, alarm: str, source: str, detail: str, *, certain: bool) -> None:
        self.told.append(("failed", alarm, source, detail, certain))

    def worked(self, alarm: str, source: str) -> None:
        self.told.append(("worked", alarm, source))


@pytest.fixture(autouse=True)
def _others_listen_again() -> Iterator[None]:
    before = list(noticing._listeners)
    noticing._listeners.clear()
    yield
    noticing._listeners[:] = before


def test_without_a_listener_nothing_happens() -> None:
    noticing.failed("oauthRefreshFailure", "crm")
    noticing.worked("oauthRefreshFailure", "crm")
    assert noticing._listeners == []


def test_the_latest_listener_is_told_of_everything_and_no_other() -> None:
    first, second = Heard(), Heard()
    noticing.listen(first)
    noticing.listen(second)
    noticing.failed("oauthRefreshFailure", "crm", "401", certain=True)
    noticing.failed("oauthRefreshFailure", "crm")
    noticing.worked("oauthRefreshFailure", "crm")
    assert first.told == []
    assert second.told == [
        ("failed", "oauthRefreshFailure", "crm", "401", True),
        ("failed", "oauthRefreshFailure", "crm", "", False),
        ("worked", "oauthRefreshFailure", "crm"),
    ]
