"""The port for figures about calls."""

import pytest

from bots.core import figures
from bots.core.figures import BotFigures

pytestmark = pytest.mark.pure


def test_without_a_source_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_sources", [])
    assert figures.bot_figures() == {}
    figures.provide_bot_figures(lambda: {"demo": BotFigures(live=1)})
    figures.provide_bot_figures(lambda: {"demo": BotFigures(live=2)})
    assert figures.bot_figures()["demo"].live == 2


def test_faults_of_providers_come_from_the_last_source_that_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "_fault_sources", [])
    assert figures.provider_faults() == {}
    figures.provide_provider_faults(lambda: {"azure": 1})
    figures.provide_provider_faults(lambda: {"azure": 2})
    assert figures.provider_faults() == {"azure": 2}


def test_a_share_of_failed_calls_is_never_rounded_down_to_none() -> None:
    assert BotFigures().failed_percent == 0
    assert BotFigures(day=1000, failed=1).failed_percent == 1
    assert BotFigures(day=4, failed=1).failed_percent == 25
    assert BotFigures(day=3, failed=3).failed_percent == 100
