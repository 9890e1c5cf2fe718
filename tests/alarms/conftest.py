"""What tests of alarms share."""

import pytest

from alarms import board
from alarms.services import emergency


@pytest.fixture(autouse=True)
def _own_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that nobody has looked at: what one test put there is nothing to the next."""
    monkeypatch.setattr(board.BOARD, "_snapshot", board.Snapshot())


@pytest.fixture(autouse=True)
def _own_memory_for_emergencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory that begins empty: destinations of another test are none of this one."""
    monkeypatch.setattr(emergency, "_watch", emergency._Watch())
