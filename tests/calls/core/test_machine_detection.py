"""Whether a person or a machine answered, and when that is clear."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core import activities
from bots.core.params.sections.machine_detection import PHRASES, MachineDetection
from calls.core.machine_detection import Detection, told
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

LAG_S = 0.6


def answered(at: float = 0.0, **values: Any) -> Detection:
    """What is listened with after an answer at ``at``."""
    return Detection(configured(**values)[MachineDetection], at, lag_s=LAG_S)


def test_a_short_greeting_and_silence_are_a_person() -> None:
    detection = answered()
    detection.voice_started(0.5)
    assert detection.voice_stopped(1.5) is None
    assert detection.said("Hello, Anna Miller.", 1.9, final=True) is None

    assert detection.deadline == 2.5
    assert detection.expired(2.4) is None
    assert detection.expired(2.5) == "human"


def test_silence_means_nothing_before_the_words_are_known() -> None:
    detection = answered()
    detection.voice_started(0.5)
    detection.voice_stopped(1.5)
    assert detection.deadline == 15.0

    assert detection.said("Please leave a message", 3.0, final=True) == "machine"


def test_words_that_come_late_decide_at_once() -> None:
    detection = answered()
    detection.voice_started(0.5)
    detection.voice_stopped(1.5)
    detection.said("Hello.", 4.0, final=True)

    assert detection.deadline == 2.5
    assert detection.expired(4.0) == "human"


def test_a_voice_that_goes_on_is_a_machine() -> None:
    detection = answered()
    detection.voice_started(0.5)

    assert detection.deadline == 0.5 + 2.5 + LAG_S
    assert detection.expired(detection.deadline) == "machine"


@pytest.mark.parametrize(("stopped_at", "verdict"), [(3.0, None), (3.001, "machine")])
def test_a_greeting_is_as_long_as_it_was_not_as_it_seemed(
    stopped_at: float, verdict: str | None
) -> None:
    detection = answered()
    detection.voice_started(0.5)
    assert detection.voice_stopped(stopped_at) == verdict


def test_a_short_pause_belongs_to_the_greeting() -> None:
    detection = answered()
    detection.voice_started(0.5)
    detection.voice_stopped(1.5)
    detection.said("You have called", 1.6, final=True)
    detection.voice_started(2.0)

    assert detection.deadline == 0.5 + 2.5 + LAG_S
    assert detection.voice_stopped(3.2) == "machine"


def test_nothing_at_all_is_a_person() -> None:
    detection = answered(2.0)
    assert detection.voice_stopped(2.5) is None
    assert detection.deadline == 7.0
    assert detection.expired(7.0) == "human"


def test_whatever_has_given_no_evidence_in_time_is_a_person() -> None:
    detection = answered(machineGreetingMS=15_000)
    detection.voice_started(4.0)
    assert detection.deadline == 15.0
    assert detection.expired(15.0) == "human"


def test_many_words_are_a_machine_whether_final_or_not() -> None:
    detection = answered()
    assert detection.said("one two three, four - five six", 1.0, final=True) is None
    assert detection.said("seven eight", 1.5, final=False) is None
    assert detection.said("seven eight nine", 1.6, final=False) == "machine"


def test_interim_words_are_no_words_when_they_are_taken_back() -> None:
    detection = answered()
    detection.said("one two three four five six", 1.0, final=False)
    assert detection.said("one two three", 1.2, final=True) is None


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_gives_a_machine_away(phrase: str) -> None:
    assert answered().said(f"Well: {phrase.upper()}!", 1.0, final=False) == "machine"


@pytest.mark.parametrize("text", ["Hello?", "Müller, guten Tag.", "A mailboxer.", "leave it", ""])
def test_words_that_merely_resemble_a_phrase_do_not(text: str) -> None:
    assert answered().said(text, 1.0, final=True) is None


def test_a_phrase_may_begin_in_one_result_and_end_in_the_next() -> None:
    detection = answered(machinePhrases=["after the chime"])
    assert detection.said("Talk after", 1.0, final=True) is None
    assert detection.said("the chime", 2.0, final=True) == "machine"


def test_words_alone_are_a_greeting_where_nobody_tells_of_voices() -> None:
    detection = answered()
    detection.said("", 0.5, final=True)
    assert detection.deadline == 5.0
    detection.said("Hello?", 1.0, final=True)
    assert detection.deadline == 2.0
    assert detection.expired(2.0) == "human"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"detected": "human"}, "human"),
        ({"detected": "machine"}, "machine"),
        ({"detected": "fax"}, "machine"),
        ({"detected": "nobody"}, None),
        ({"detected": ["human"]}, None),
        ({}, None),
        ("human", None),
        (None, None),
    ],
)
def test_the_voice_sides_verdict_is_read(value: Any, found: str | None) -> None:
    assert told(activities.event("MachineDetection", value=value)) == found


def test_another_event_is_no_verdict() -> None:
    assert told(activities.event("agentConnected", value={"detected": "human"})) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["on", "off", "interim", "final"]), st.floats(0, 3)), max_size=12
    )
)
def test_there_is_always_a_verdict_in_time(heard: list[tuple[str, float]]) -> None:
    detection, now, verdict = answered(), 0.0, None
    for what, after in heard:
        now += after
        verdict = detection.expired(now)
        if verdict is None and what == "on":
            detection.voice_started(now)
        elif verdict is None and what == "off":
            verdict = detection.voice_stopped(now)
        elif verdict is None:
            verdict = detection.said("a word", now, final=what == "final")
        if verdict is not None:
            return
        assert now <= detection.deadline <= 15.0 or detection.expired(now) is not None
    assert math.isfinite(detection.deadline)
    assert detection.expired(max(now, detection.deadline)) is not None
