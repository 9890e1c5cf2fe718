"""What tests of alarms share."""

import pytest

from alarms import board


@pytest.fixture(autouse=True)
def _own_board(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that nobody has looked at: what one test put there is nothing to the next."""
    monkeypatch.setattr(board.BOARD, "_snapshot", board.Snapshot())
