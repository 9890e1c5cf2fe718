"""The search for what tests have planted finds it, in any form, and nothing else."""

from pathlib import Path

import pytest

from tests import planted

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "text",
    [
        f"token {planted.SECRET}-abc",
        f"TOKEN {planted.SECRET.upper()}",
        planted.UTTERANCE,
        f"pressed {planted.DIGITS}#",
        planted.CALLER,
        "1 555 0100",
        "sip:+15550199@host",
        "(4930) 123-456",
        '{"caller":"+12025550199"}',
    ],
)
def test_what_is_planted_is_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "1-gateway.log").write_text(f"a line\n{text}\n")
    assert planted.search(tmp_path) == 1


def test_other_texts_are_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "1-json.log").write_text('{"duration":15550100} 1.15550100 2026-11-21 ••• secret\n')
    assert planted.search(tmp_path) == 0


def test_nothing_to_search_is_no_success(tmp_path: Path) -> None:
    assert planted.search(tmp_path / "none") == 1
    assert planted.search(tmp_path) == 1


def test_what_is_kept_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGGED", str(tmp_path))
    planted.keep("metrics.txt", "calls 7\n")
    assert planted.search(tmp_path) == 0
    planted.keep("alarms.json", f"failed for {planted.CALLER} \udcff")
    assert planted.search(tmp_path) == 1
    monkeypatch.delenv("LOGGED")
    planted.keep("more.txt", planted.SECRET)
    assert len(list(tmp_path.iterdir())) == 2
