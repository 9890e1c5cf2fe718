"""Every conversation in tests/transcripts/engine comes out as it is written there."""

from pathlib import Path

import pytest

from tests.calls.core.reader import play

TRANSCRIPTS = sorted((Path(__file__).parents[2] / "transcripts" / "engine").glob("*.txt"))

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_conversation_comes_out_as_written(path: Path) -> None:
    assert play(path) == path.read_text().splitlines()
