"""Placeholders are filled in a process that can be ended (bots.workers.filling)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.core.errors import PlaceholderError
from bots.workers import filling
from bots.workers.filling import filled
from bots.workers.frames import End
from bots.workers.placeholders import Placeholders
from bots.workers.pool import close_pools, worker_processes

pytestmark = pytest.mark.speech

CALL = {"call": {"caller": "+15550100", "n": 2}}
ENDLESS = "${[].reverse.call({length: 2 ** 53 - 1})}"


@pytest.fixture(autouse=True)
async def _no_worker_is_left() -> AsyncIterator[None]:
    yield
    await close_pools()


async def test_plain_paths_need_no_process() -> None:
    assert await filled("tel:${call.caller}", CALL) == "tel:+15550100"
    assert worker_processes() == ()


async def test_expressions_run_in_a_process() -> None:
    assert await filled("${encodeURIComponent(call.caller)}", CALL) == "%2B15550100"
    assert await filled("${call.n * 21} ü", CALL) == "42 ü"
    assert len(worker_processes()) == 1


async def test_an_expression_that_fails_says_why() -> None:
    with pytest.raises(PlaceholderError, match="nobody"):
        await filled("${nobody.home}", CALL)
    with pytest.raises(PlaceholderError):
        await filled("${throw}", CALL)


async def test_an_expression_that_does_not_end_is_ended_and_the_next_one_runs() -> None:
    with pytest.raises(PlaceholderError, match="not done after 1 s"):
        await filled(ENDLESS, CALL)
    assert await filled("${call.n + 1}", CALL) == "3"


async def test_a_process_that_cannot_be_had_is_an_error_of_the_placeholder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(filling, "START_TIMEOUT_S", 0.0)
    with pytest.raises(PlaceholderError, match="could not be evaluated"):
        await filled("${call.n + 1}", CALL)


async def test_variables_without_end_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(PlaceholderError, match="nested too deep"):
        await filled("${1 + 1}", {"deep": deep})


def test_the_worker_answers_nothing_else() -> None:
    assert list(Placeholders().answer(End(1), lambda: False)) == []
