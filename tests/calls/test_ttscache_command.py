"""``manage.py ttscache``, and the task that keeps the cache within its bounds."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from bots.models import Bot, Provider
from calls import tasks
from calls.media.ttsstore import Entry, TtsStore
from calls.session.plugins import tts_store
from gateway_project.celery import AT_START, app

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture
def store(tmp_path: Path, settings: Settings) -> TtsStore:
    """The store of the settings, with two prompts of one provider and one of another."""
    settings.TTS_CACHE_DIR = tmp_path / "cache"
    settings.TTS_CACHE_HOURS = 24
    settings.TTS_CACHE_MB = 3
    store = tts_store()
    hour_ns = 3600 * 10**9
    store.write("voices", "one", Entry(store.clock() - 2 * hour_ns, bytes(1_000_000)))
    store.write("voices", "two", Entry(store.clock() - hour_ns, bytes(500_000)))
    store.write("other", "one", Entry(store.clock(), bytes(60_000)))
    return store


def ttscache(*words: Any) -> list[str]:
    output = StringIO()
    call_command("ttscache", *words, stdout=output)
    return output.getvalue().splitlines()


def kept(store: TtsStore) -> dict[str, int]:
    return {holding.provider: holding.entries for holding in store.holdings()}


def test_what_is_kept_is_shown_by_provider_and_in_all(store: TtsStore, tmp_path: Path) -> None:
    other, voices, total = ttscache("show")
    assert other.startswith("other  1 prompts  0.1 MB  the oldest 0:00:")
    assert voices.startswith("voices  2 prompts  1.5 MB  the oldest 2:00:")
    place = tmp_path / "cache"
    assert total == f"in all  3 prompts  1.6 of 3 MB  kept for 24 hours in {place}"


def test_an_empty_cache_can_be_shown(tmp_path: Path, settings: Settings) -> None:
    settings.TTS_CACHE_DIR = tmp_path / "cache"
    (total,) = ttscache("show")
    assert total.startswith("in all  0 prompts  0.0 of")


def test_everything_is_cleared_unless_more_is_said(store: TtsStore) -> None:
    (told,) = ttscache("clear")
    assert told == "Cleared: from the next prompt on, all are synthesised anew."
    assert kept(store) == {}


def test_a_provider_is_cleared_alone_even_when_it_is_no_more(store: TtsStore) -> None:
    Provider.objects.create(name="silent", kind="tts", plugin="tones")
    (told,) = ttscache("clear", "--provider", "voices")
    assert "all of provider voices are" in told
    assert kept(store) == {"other": 1}
    ttscache("clear", "--provider", "silent")
    assert kept(store) == {"other": 1}


def test_a_bot_is_cleared_alone_and_the_prompts_stay_for_others(store: TtsStore) -> None:
    base = Bot.objects.create(name="base", is_base=True)
    Bot.objects.create(name="door", base=base)
    before = store.clock()
    (told,) = ttscache("clear", "--bot", "door")
    assert "all for bot door are" in told
    assert store.valid_since(bot="door", provider="voices") > before
    assert store.valid_since(bot="desk", provider="voices") < before
    assert kept(store) == {"voices": 2, "other": 1}


@pytest.mark.parametrize(
    ("scope", "problem"),
    [
        (("--bot", "nobody"), "there is no bot named 'nobody' that takes calls"),
        (("--bot", "base"), "there is no bot named 'base' that takes calls"),
        (("--provider", "nobody"), "there is no text-to-speech provider named 'nobody'"),
        (("--provider", "ears"), "there is no text-to-speech provider named 'ears'"),
    ],
)
def test_a_name_that_clears_nothing_is_refused(
    store: TtsStore, scope: tuple[str, str], problem: str
) -> None:
    Bot.objects.create(name="base", is_base=True)
    Provider.objects.create(name="ears", kind="stt", plugin="tones")
    with pytest.raises(CommandError, match=problem):
        ttscache("clear", *scope)
    assert kept(store) == {"voices": 2, "other": 1}


def test_a_place_that_cannot_be_used_is_told_in_words(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").write_bytes(b"")
    settings.TTS_CACHE_DIR = tmp_path / "file"
    with pytest.raises(CommandError, match=r"the cache cannot be used: .*file: File exists"):
        ttscache("clear")


def test_the_task_keeps_the_store_within_its_bounds(store: TtsStore, settings: Settings) -> None:
    settings.TTS_CACHE_MB = 1
    tasks.sweep_tts_cache()
    assert kept(store) == {"voices": 1, "other": 1}


def test_the_task_runs_every_ten_minutes_and_when_a_worker_starts() -> None:
    entry = app.conf.beat_schedule["sweep-tts-cache"]
    assert entry["task"] == tasks.sweep_tts_cache.name
    assert entry["schedule"] == timedelta(minutes=10)
    assert "sweep-tts-cache" in AT_START
