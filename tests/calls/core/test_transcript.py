"""How much of a prompt reached the caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.core.transcript import ASSUMED_CHARS_PER_SECOND, file_text, heard_text, spoken_text

pytestmark = pytest.mark.pure

PROMPTS = st.lists(st.text("abcdefghij,.'", min_size=1, max_size=9), max_size=12).map(" ".join)
LENGTHS_MS = st.floats(0, 20_000)


def test_plain_text_is_spoken_as_it_is() -> None:
    assert spoken_text("  Two < three.\n") == "Two < three."


def test_ssml_is_spoken_as_its_words() -> None:
    assert (
        spoken_text(' <speak>Your <emphasis level="strong">bill</emphasis></speak>') == "Your bill"
    )


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [
        (0, ""),
        (290, ""),
        (300, "One"),
        (790, "One"),
        (800, "One two,"),
        (1190, "One two,"),
        (1200, "One two, one"),
        (5000, "One two, one"),
    ],
)
def test_a_word_is_heard_when_its_last_letter_was_played(heard_ms: float, heard: str) -> None:
    # 12 characters in 1200 ms: one every 100 ms; the word "one" is there twice.
    assert heard_text("One two, one", heard_ms=heard_ms, total_ms=1200) == heard


def test_words_are_counted_in_what_is_spoken_not_in_the_markup() -> None:
    text = "<speak>Your bill is <say-as interpret-as='currency'>forty</say-as> dollars</speak>"

    assert heard_text(text, heard_ms=500, total_ms=1000) == "Your bill is"


def test_with_an_unknown_length_a_usual_rate_is_assumed() -> None:
    first_word_ms = 1000 * len("Welcome") / ASSUMED_CHARS_PER_SECOND

    assert heard_text("Welcome back", heard_ms=first_word_ms + 1, total_ms=0) == "Welcome"
    assert heard_text("Welcome back", heard_ms=first_word_ms - 1, total_ms=0) == ""
    assert heard_text("Welcome back", heard_ms=10_000, total_ms=0) == "Welcome back"


@given(PROMPTS, LENGTHS_MS, LENGTHS_MS)
def test_what_was_heard_is_the_beginning_of_the_prompt(
    text: str, heard_ms: float, total_ms: float
) -> None:
    heard = heard_text(text, heard_ms=heard_ms, total_ms=total_ms).split()

    assert heard == text.split()[: len(heard)]


@given(PROMPTS, LENGTHS_MS, LENGTHS_MS, LENGTHS_MS)
def test_who_listens_longer_hears_no_less(
    text: str, one_ms: float, other_ms: float, total_ms: float
) -> None:
    shorter_ms, longer_ms = sorted((one_ms, other_ms))
    less = heard_text(text, heard_ms=shorter_ms, total_ms=total_ms)
    more = heard_text(text, heard_ms=longer_ms, total_ms=total_ms)

    assert len(less.split()) <= len(more.split())


@given(PROMPTS, st.floats(1, 20_000))
def test_a_prompt_that_was_played_to_its_end_was_heard_whole(text: str, total_ms: float) -> None:
    assert heard_text(text, heard_ms=total_ms, total_ms=total_ms) == spoken_text(text)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://example.com/prompts/welcome.wav", "(audio welcome.wav)"),
        ("https://example.com/welcome.wav?key=secret#part", "(audio welcome.wav)"),
        ("https://example.com/?key=secret/x", "(audio)"),
        ("data:audio/wav;base64,UklGRg==", "(audio)"),
        (" DATA:audio/wav;base64,Ukl/GRg==", "(audio)"),
        ("", "(audio)"),
    ],
)
def test_a_file_is_named_without_what_may_be_secret(url: str, text: str) -> None:
    assert file_text(url) == text
