"""Prompts in files: whole or not at all, bounded in time and size, and cleared by scope."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from calls.media.ttsstore import Entry, Holding, TtsStore

pytestmark = pytest.mark.pure

HOUR_NS = 3600 * 10**9
HEADER_BYTES = 28
NOON_NS = 1_795_262_400 * 10**9
"""21 November 2026, 12:00 UTC."""


class Clock:
    """Nanoseconds since 1970, as the test wants them."""

    def __init__(self) -> None:
        self.now = NOON_NS

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> TtsStore:
    return TtsStore(tmp_path / "cache", life_s=24 * 3600, max_bytes=1_000_000, clock=clock)


def file_of(tmp_path: Path, key: str) -> Path:
    (found,) = (tmp_path / "cache").glob(f"*/{key}")
    return found


def counts(store: TtsStore, made_ns: int, *, bot: str = "demo", provider: str = "p") -> bool:
    return made_ns > store.valid_since(bot=bot, provider=provider)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(audio=st.binary(max_size=500), made_ns=st.integers(NOON_NS - HOUR_NS, NOON_NS))
def test_what_was_written_is_read_again(store: TtsStore, audio: bytes, made_ns: int) -> None:
    store.write("p", "key", Entry(made_ns, audio))
    assert store.read("p", "key") == Entry(made_ns, audio)


def test_a_prompt_is_known_to_its_provider_only(store: TtsStore) -> None:
    store.write("p", "key", Entry(NOON_NS, b"sound"))
    with capture_logs() as logs:
        assert store.read("q", "key") is None
        assert store.read("p", "other") is None
    assert logs == []


def test_a_file_that_was_cut_or_changed_anywhere_is_not_played(
    tmp_path: Path, store: TtsStore
) -> None:
    store.write("p", "key", Entry(NOON_NS, b"sound" * 5))
    file = file_of(tmp_path, "key")
    whole = file.read_bytes()
    damaged = [whole + b"x", *(whole[:place] for place in range(len(whole)))]
    for place, byte in enumerate(whole):
        damaged += [whole[:place] + bytes([byte ^ bit]) + whole[place + 1 :] for bit in (1, 128)]
    with capture_logs() as logs:
        for content in damaged:
            file.write_bytes(content)
            assert store.read("p", "key") is None
    assert {(line["event"], line["entry"]) for line in logs} == {("ttscache.damaged", "key")}
    file.write_bytes(whole)
    assert store.read("p", "key") is not None


def test_a_prompt_lives_as_long_as_it_should(store: TtsStore, clock: Clock) -> None:
    made_ns = clock.now
    clock.now = made_ns + 24 * HOUR_NS - 1
    assert counts(store, made_ns)
    clock.now += 1
    assert not counts(store, made_ns)


@pytest.mark.parametrize(
    ("scope", "kept_for"),
    [
        ({}, set()),
        ({"provider": "p"}, {("demo", "q"), ("other", "q")}),
        ({"bot": "demo"}, {("other", "p"), ("other", "q")}),
    ],
)
def test_a_clearing_reaches_its_scope_in_every_process_and_nothing_made_later(
    tmp_path: Path,
    store: TtsStore,
    clock: Clock,
    scope: dict[str, str],
    kept_for: set[tuple[str, str]],
) -> None:
    elsewhere = TtsStore(tmp_path / "cache", life_s=24 * 3600, max_bytes=1, clock=clock)
    before = clock.now
    clock.now += 1
    elsewhere.clear(**scope)
    everyone = {(bot, provider) for bot in ("demo", "other") for provider in ("p", "q")}
    assert {
        (bot, provider)
        for bot, provider in everyone
        if counts(store, before, bot=bot, provider=provider)
    } == kept_for
    assert all(counts(store, clock.now + 1, bot=bot, provider=name) for bot, name in everyone)


def test_a_clearing_moves_on_with_each_repetition(store: TtsStore, clock: Clock) -> None:
    store.clear(bot="demo")
    clock.now += HOUR_NS
    made_ns = clock.now
    assert counts(store, made_ns)
    clock.now += 1
    store.clear(bot="demo")
    assert not counts(store, made_ns)


@pytest.mark.parametrize(
    ("scope", "left"), [({}, []), ({"provider": "p"}, ["q"]), ({"bot": "demo"}, ["p", "q"])]
)
def test_a_clearing_deletes_what_nobody_may_use(
    store: TtsStore, scope: dict[str, str], left: list[str]
) -> None:
    store.write("p", "one", Entry(NOON_NS, b"1"))
    store.write("q", "two", Entry(NOON_NS, b"2"))
    store.clear(**scope)
    assert [holding.provider for holding in store.holdings()] == left


def test_sweeping_deletes_what_has_expired(store: TtsStore, clock: Clock) -> None:
    store.write("p", "old", Entry(clock.now - 24 * HOUR_NS, b"1"))
    store.write("p", "new", Entry(clock.now - 24 * HOUR_NS + 1, b"2"))
    store.sweep()
    assert store.read("p", "old") is None
    assert store.read("p", "new") is not None


def test_sweeping_deletes_the_oldest_until_the_rest_fits(tmp_path: Path, clock: Clock) -> None:
    store = TtsStore(
        tmp_path / "cache", life_s=24 * 3600, max_bytes=3 * (HEADER_BYTES + 1000), clock=clock
    )
    for age in (3, 1, 5, 2, 4):  # of different providers
        store.write(f"p{age % 2}", f"aged-{age}", Entry(clock.now - age * HOUR_NS, bytes(1000)))
    store.sweep()
    kept = [age for age in range(1, 6) if store.read(f"p{age % 2}", f"aged-{age}") is not None]
    assert kept == [1, 2, 3]


def test_sweeping_deletes_what_a_killed_process_left_unfinished(
    tmp_path: Path, store: TtsStore, clock: Clock
) -> None:
    store.write("p", "key", Entry(clock.now, b"1"))
    half = file_of(tmp_path, "key").with_name(".other.0123")
    half.write_bytes(b"half")
    clock.now = half.stat().st_mtime_ns + 24 * HOUR_NS
    store.sweep()
    assert not half.exists()


def test_sweeping_nothing_makes_nothing(tmp_path: Path, store: TtsStore) -> None:
    store.sweep()
    assert store.holdings() == []
    assert not (tmp_path / "cache").exists()


def test_the_size_is_bounded_without_anybody_who_sweeps(tmp_path: Path, clock: Clock) -> None:
    store = TtsStore(tmp_path / "cache", life_s=24 * 3600, max_bytes=10_000, clock=clock)
    for number in range(100):
        clock.now += 1
        store.write("p", f"key-{number}", Entry(clock.now, bytes(1000)))
        assert sum(holding.size_bytes for holding in store.holdings()) <= 11_500
    assert store.read("p", "key-99") is not None


def test_the_first_prompt_of_a_process_clears_up_after_those_before(
    tmp_path: Path, clock: Clock
) -> None:
    def begun() -> TtsStore:
        return TtsStore(tmp_path / "cache", life_s=24 * 3600, max_bytes=10**9, clock=clock)

    begun().write("p", "old", Entry(clock.now, b"1"))
    clock.now += 24 * HOUR_NS
    begun().write("p", "new", Entry(clock.now, b"2"))
    assert [holding.entries for holding in begun().holdings()] == [1]


def test_what_is_held_is_told_by_provider(store: TtsStore, clock: Clock) -> None:
    store.write("p", "one", Entry(clock.now, bytes(100)))
    store.write("p", "two", Entry(clock.now - HOUR_NS, bytes(50)))
    store.write("q", "one", Entry(clock.now, bytes(7)))
    assert store.holdings() == [
        Holding("p", 2, 150 + 2 * HEADER_BYTES, clock.now - HOUR_NS),
        Holding("q", 1, 7 + HEADER_BYTES, clock.now),
    ]


@pytest.mark.parametrize("name", ["..", "a/b", "", ".", "%2F", "naïve"])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, store: TtsStore, name: str) -> None:
    store.write(name, "key", Entry(NOON_NS, b"1"))
    store.clear(bot=name)
    assert store.read(name, "key") is not None
    assert [holding.provider for holding in store.holdings()] == [name]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    store.clear(provider=name)
    assert store.holdings() == []


def test_only_the_gateway_may_look_into_the_directory(tmp_path: Path, store: TtsStore) -> None:
    store.write("p", "key", Entry(NOON_NS, b"1"))
    file = file_of(tmp_path, "key")
    folder = file.parent
    assert {path.stat().st_mode & 0o077 for path in (file, folder, folder.parent)} == {0}


def test_a_place_that_cannot_be_used_costs_prompts_and_nothing_else(
    tmp_path: Path, clock: Clock
) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = TtsStore(tmp_path / "file", life_s=24 * 3600, max_bytes=1000, clock=clock)
    with capture_logs() as logs:
        store.write("p", "key", Entry(clock.now, b"1"))
        assert store.read("p", "key") is None
        assert not counts(store, clock.now)
    assert [line["event"] for line in logs] == [
        "ttscache.not_written",
        "ttscache.not_read",
        "ttscache.not_read",
    ]
    with pytest.raises(OSError, match="file"):
        store.clear()


def test_a_prompt_that_cannot_be_put_into_its_place_leaves_nothing_behind(
    tmp_path: Path, store: TtsStore, clock: Clock
) -> None:
    store.write("p", "other", Entry(clock.now, b"1"))
    folder = file_of(tmp_path, "other").parent
    (folder / "key").mkdir()
    with capture_logs() as logs:
        store.write("p", "key", Entry(clock.now, b"1"))
    assert [line["event"] for line in logs] == ["ttscache.not_written"]
    assert {path.name for path in folder.iterdir()} == {"key", "other"}
