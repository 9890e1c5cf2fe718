"""Kept and shared prompts: one synthesis for all, complete or not kept, cleared at once."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.core.errors import Fault, ServiceError
from calls.media import ttscache
from calls.media.ttscache import PIECE_MS, TtsCache
from calls.telemetry.declare import REGISTRY
from tests.calls.media.desk import DAY_S, HELLO, MS, Desk, Listener, Studio, files, turns
from tests.calls.media.leaping import leap

# --- one synthesis for all ------------------------------------------------------------------------


def test_all_who_ask_at_the_same_time_hear_one_synthesis_as_it_comes(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.pause()
        desk.studio.allow()
        listeners = [desk.start() for _ in range(9)]
        await turns()
        listeners.append(desk.start())  # in mid-synthesis
        await turns()
        assert {listener.heard for listener in listeners} == {desk.studio.pieces[0]}
        desk.studio.allow(2)
        heard = await asyncio.gather(*(listener.task for listener in listeners))
        assert set(heard) == {desk.studio.whole}
        assert desk.studio.asked == 1

    leap(main())


def test_the_synthesis_goes_on_for_the_others_when_the_first_who_asked_is_gone(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.pause()
        desk.studio.allow()
        first, second = desk.start(), desk.start()
        await turns()
        first.task.cancel()
        await asyncio.wait([first.task])
        desk.studio.allow(2)
        assert await second.task == desk.studio.whole
        assert await desk.hear() == desk.studio.whole
        assert desk.studio.asked == 1

    leap(main())


def test_a_synthesis_that_nobody_hears_any_more_is_cancelled_and_not_kept(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.pause()
        desk.studio.allow()
        listeners = [desk.start(), desk.start()]
        await turns()
        for listener in listeners:
            assert desk.studio.open == 1
            listener.task.cancel()
            await turns()
        assert desk.studio.open == 0
        desk.studio.allow(3)
        assert await desk.hear() == desk.studio.whole
        assert desk.studio.asked == 2

    leap(main())


@pytest.mark.parametrize("later", range(12))
def test_a_synthesis_that_is_being_cancelled_is_not_joined(tmp_path: Path, later: int) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.pause()
        desk.studio.allow()
        first = desk.tts().synthesise(HELLO)
        await anext(first)
        next_one = desk.start()
        await turns(later)  # at one of them it is just about to look for a synthesis
        await first.aclose()
        desk.studio.allow(3)
        assert await next_one.task == desk.studio.whole

    leap(main())


@pytest.mark.parametrize("failure", [None, ServiceError("tts", Fault.SERVER, "broken")])
def test_an_end_that_comes_long_after_the_last_piece_reaches_all_who_listen(
    tmp_path: Path, failure: ServiceError | None
) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.failure, desk.studio.lingers = failure, True
        desk.studio.pause()
        desk.studio.allow(3)
        listeners = [desk.start() for _ in range(3)]
        await turns()
        assert {listener.heard for listener in listeners} == {desk.studio.whole}
        assert not any(listener.task.done() for listener in listeners)
        desk.studio.allow()
        ended = await asyncio.gather(
            *(listener.task for listener in listeners), return_exceptions=True
        )
        assert ended == [failure or desk.studio.whole] * 3

    leap(main())


@pytest.mark.parametrize(
    "failure", [ServiceError("tts", Fault.SERVER, "broken"), RuntimeError("a bug in a plug-in")]
)
def test_a_failure_reaches_all_who_listen_and_the_next_asks_again(
    tmp_path: Path, failure: Exception
) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        desk.studio.failure = failure
        listeners = [desk.start() for _ in range(3)]
        ended = await asyncio.gather(
            *(listener.task for listener in listeners), return_exceptions=True
        )
        assert ended == [failure] * 3
        assert {listener.heard for listener in listeners} == {desk.studio.whole}
        desk.studio.failure = None
        assert await desk.hear() == desk.studio.whole
        assert desk.studio.asked == 2

    leap(main())


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8)), min_size=1, max_size=8))
def test_whoever_comes_and_goes_those_who_stay_hear_everything_once(
    tmp_path_factory: pytest.TempPathFactory, visits: list[tuple[int, int]]
) -> None:
    """Each visit: after how many pieces the listener comes, and after how many more it goes."""

    async def main() -> None:
        desk = Desk(tmp_path_factory.mktemp("cache"), *(bytes([n]) * 16 for n in range(6)))
        desk.studio.pause()
        listeners: dict[int, Listener] = {}
        for step in range(7):
            for number, (comes, stays) in enumerate(visits):
                if comes == step:
                    listeners[number] = desk.start()
                if comes + stays == step and stays < 6:
                    listeners[number].task.cancel()
            await turns()
            desk.studio.allow()
        desk.studio.allow(100)
        for number, (comes, stays) in enumerate(visits):
            if comes + stays > 6 or stays >= 6:
                assert await listeners[number].task == desk.studio.whole
            else:
                await asyncio.wait([listeners[number].task])
                assert desk.studio.whole.startswith(listeners[number].heard)
        await turns()
        assert desk.studio.open == 0

    leap(main())


# --- what is kept ---------------------------------------------------------------------------------


def test_a_prompt_is_synthesised_once_and_kept_for_other_processes(tmp_path: Path) -> None:
    async def main() -> None:
        desk, elsewhere = Desk(tmp_path), Desk(tmp_path)
        assert await desk.hear() == await desk.hear() == desk.studio.whole
        assert await desk.hear(bot="other") == desk.studio.whole
        assert await elsewhere.hear() == desk.studio.whole
        assert (desk.studio.asked, elsewhere.studio.asked) == (1, 0)

    leap(main())


def test_where_prompts_came_from_is_counted(tmp_path: Path) -> None:
    def counted() -> list[float]:
        outcomes = ("missed", "shared", "memory", "store")
        return [
            REGISTRY.get_sample_value("gateway_tts_cache_total", {"outcome": outcome}) or 0
            for outcome in outcomes
        ]

    async def main() -> None:
        desk, elsewhere = Desk(tmp_path), Desk(tmp_path)
        before = counted()
        await asyncio.gather(desk.start().task, desk.start().task, desk.start().task)
        await turns()
        await desk.hear()
        elsewhere.clock.now = desk.clock.now
        await elsewhere.hear()
        grown = [after - was for after, was in zip(counted(), before, strict=True)]
        assert grown == [1, 2, 1, 1]

    leap(main())


def test_memory_answers_without_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.hear()
        for file in files(tmp_path):
            file.unlink()
        assert await desk.hear() == desk.studio.whole
        assert desk.studio.asked == 1

    leap(main())


def test_what_was_used_least_recently_leaves_the_memory_first(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path, MS * 100, memory_bytes=3 * 1600)
        requests = [msgspec.structs.replace(HELLO, text=f"Prompt {n}.") for n in range(4)]
        for request in requests[:3]:
            await desk.hear(request)
        await desk.hear(requests[0])
        await desk.hear(requests[3])
        for file in files(tmp_path):
            file.unlink()
        asked = []
        for request in (requests[0], requests[2], requests[3], requests[1]):
            before = desk.studio.asked
            await desk.hear(request)
            asked.append(desk.studio.asked - before)
        assert asked == [0, 0, 0, 1]

    leap(main())


def test_a_prompt_that_is_replaced_takes_its_place_in_memory_once(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path, MS * 100, memory_bytes=2 * 1600)
        other = msgspec.structs.replace(HELLO, text="Other.")
        await desk.hear(other)
        for _ in range(5):
            desk.store.clear(bot="demo")
            await desk.hear()
        for file in files(tmp_path):
            file.unlink()
        before = desk.studio.asked
        await desk.hear(other, bot="another")
        assert desk.studio.asked == before

    leap(main())


def test_a_prompt_larger_than_the_memory_still_comes_from_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path, MS * 100, memory_bytes=10)
        other = msgspec.structs.replace(HELLO, text="Other.")
        for request in (HELLO, other, HELLO, other):
            assert await desk.hear(request) == desk.studio.whole
        assert desk.studio.asked == 2

    leap(main())


def test_a_kept_prompt_comes_in_pieces_that_let_others_have_their_turn(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path, MS * 2500)
        await desk.hear()
        lengths = [len(piece) // 16 async for piece in desk.tts().synthesise(HELLO)]
        assert lengths == [PIECE_MS, PIECE_MS, 500]

    leap(main())


def test_a_long_prompt_is_shared_but_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttscache, "MAX_KEPT_MS", 100)

    async def main() -> None:
        desk = Desk(tmp_path, MS * 60, MS * 41)
        first, second = desk.start(), desk.start()
        assert await first.task == await second.task == desk.studio.whole
        assert desk.studio.asked == 1
        await desk.hear()
        assert desk.studio.asked == 2
        assert desk.store.holdings() == []

    leap(main())


def test_a_synthesis_that_never_ends_is_cut_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ttscache, "MAX_PROMPT_MS", 500)
    monkeypatch.setattr(ttscache, "MAX_KEPT_MS", 500)

    async def main() -> None:
        desk = Desk(tmp_path, *[MS * 100] * 1000)
        assert len(await desk.hear()) == 600 * 16
        assert desk.studio.open == 0
        assert desk.store.holdings() == []

    leap(main())


def test_nothing_is_kept_of_a_synthesiser_that_gave_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path, b"")
        assert await desk.hear() == await desk.hear() == b""
        assert desk.studio.asked == 2
        assert desk.store.holdings() == []

    leap(main())


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    async def main() -> None:
        await Desk(tmp_path).hear()
        (file,) = files(tmp_path)
        file.write_bytes(file.read_bytes()[:-1])
        desk, elsewhere = Desk(tmp_path), Desk(tmp_path)
        assert await desk.hear() == desk.studio.whole
        assert await elsewhere.hear() == desk.studio.whole
        assert (desk.studio.asked, elsewhere.studio.asked) == (1, 0)

    leap(main())


# --- what no longer counts ------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [{}, {"provider": "p"}, {"bot": "demo"}])
@pytest.mark.parametrize("forgetful", [False, True])
def test_what_was_cleared_is_synthesised_anew(
    tmp_path: Path, scope: dict[str, str], forgetful: bool
) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.hear()
        if forgetful:  # only the file is left
            desk.cache = TtsCache(desk.store)
        desk.store.clear(**scope)
        for _ in range(2):
            assert await desk.hear() == desk.studio.whole
        assert desk.studio.asked == 2

    leap(main())


def test_other_bots_go_on_with_what_was_cleared_for_one(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.hear()
        desk.store.clear(bot="demo")
        await desk.hear(bot="other")
        assert desk.studio.asked == 1
        await desk.hear(bot="demo")
        assert desk.studio.asked == 2

    leap(main())


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_synthesis_from_before_a_clearing_is_neither_joined_nor_kept(
    tmp_path: Path, forgetful: bool
) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        slow = desk.studio
        slow.pause()
        before = desk.start()
        await turns()
        desk.store.clear()
        desk.studio = Studio(b"new" * 16)
        assert await desk.hear() == desk.studio.whole
        slow.allow(3)
        assert await before.task == slow.whole
        await turns()
        if forgetful:  # only the file is left
            desk.cache = TtsCache(desk.store)
        assert await desk.hear() == desk.studio.whole
        assert (slow.asked, desk.studio.asked) == (1, 1)

    leap(main())


def test_a_prompt_is_synthesised_anew_when_its_time_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.hear()
        desk.clock.now += DAY_S * 10**9
        await desk.hear()
        assert desk.studio.asked == 2

    leap(main())


def test_a_prompt_from_the_future_of_a_wrong_clock_does_not_count(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.hear()
        desk.clock.now -= 3600 * 10**9
        await desk.hear()
        assert desk.studio.asked == 2

    leap(main())
