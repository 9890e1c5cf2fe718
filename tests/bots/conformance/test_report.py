"""Reports: grades, what is masked, cut and kept."""

from typing import Any

import msgspec
import pytest

from bots.conformance.checks import BY_ID, CHECKS
from bots.conformance.report import (
    MAX_LINES,
    MAX_TEXT_CHARACTERS,
    Grade,
    Recorder,
    Report,
    refused,
    report_of,
)
from bots.core.params.resolve import MASK

pytestmark = pytest.mark.pure


class Clock:
    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self) -> float:
        return self.ms


def recorder(*secrets: str, only: tuple[str, ...] = ()) -> Recorder:
    return Recorder(Clock(), secrets, only)


def content(recorder: Recorder, sent: Any) -> Any:
    recorder.record("from bot", sent)
    return msgspec.json.decode(recorder.report("door", "x").trace[-1].content)


def test_every_check_is_declared_once_and_says_all_it_has_to() -> None:
    assert len(BY_ID) == len(CHECKS)
    for check in CHECKS:
        assert all((check.title, check.proves, check.grading, check.fix)), check.id
        assert check.proves.endswith(".")
        assert check.grading.endswith(".")


def test_tokens_that_were_fetched_meanwhile_are_masked() -> None:
    made = recorder("configured")
    made.hide("fetched-1234", "abc")
    told = {"echo": "fetched-1234 of configured, abc", "sent": ["authorization: Bearer any-other"]}
    assert content(made, told) == {
        "echo": f"{MASK} of {MASK}, abc",
        "sent": [f"authorization: Bearer {MASK}"],
    }


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        ((), Grade.SKIPPED),
        ((Grade.SKIPPED,), Grade.SKIPPED),
        ((Grade.SKIPPED, Grade.INFORMATION), Grade.OK),
        ((Grade.OK, Grade.WARNING, Grade.INFORMATION), Grade.WARNING),
        ((Grade.WARNING, Grade.FAILED, Grade.OK), Grade.FAILED),
    ],
)
def test_a_report_is_as_good_as_its_worst_finding(found: tuple[Grade, ...], worst: Grade) -> None:
    made = recorder()
    for check, grade in zip(CHECKS, found, strict=False):
        made.grade(check.id, grade)
    report = made.report("door", "x")
    assert report.grade is worst
    assert sum(report.counts().values()) == len(found)


def test_a_worse_finding_of_the_same_check_takes_the_place_of_the_first() -> None:
    made = recorder()
    made.grade("tls", Grade.OK, "fine")
    made.grade("tls", Grade.SKIPPED, "not tried")
    made.grade("tls", Grade.FAILED, "broken")
    made.grade("tls", Grade.WARNING, "doubtful")
    (found,) = made.report("door", "x").findings
    assert (found.grade, found.detail, found.about.title) == (
        Grade.FAILED,
        "broken",
        "TLS certificate",
    )


def test_findings_come_in_the_order_of_the_checks_with_the_time_that_they_took() -> None:
    clock = Clock()
    made = Recorder(clock, (), ())
    made.begin("tls")
    clock.ms = 25
    made.grade("tls", Grade.OK, expires=2030, nothing="")
    made.grade("dns", Grade.OK)
    first, second = made.report("door", "x").findings
    assert (first.check, first.ms) == ("dns", 0)
    assert (second.check, second.ms, second.facts) == ("tls", 25, {"expires": "2030"})


def test_only_what_was_asked_for_is_graded() -> None:
    made = recorder(only=("tls",))
    made.grade("dns", Grade.FAILED)
    assert made.wants("dns", "tls")
    assert not made.wants("dns")
    assert made.report("door", "x").findings == ()


def test_the_trace_belongs_to_the_check_in_hand() -> None:
    made = recorder()
    made.begin("dns")
    made.record("to bot", {"a": 1})
    made.begin("tls")
    made.record("note", "two")
    report = made.report("door", "x")
    assert [line.content for line in report.lines("tls")] == ['"two"']
    assert report.lines("dns")[0].way == "to bot"


def test_secrets_do_not_get_in_wherever_they_stand() -> None:
    made = recorder("s3cret-token", "abc")
    sent = {
        "note s3cret-token": ["Bearer s3cret-token", {"Authorization": "whatever"}],
        "token": "",
        "abc": "abc",
        "password": 5,
    }
    assert content(made, sent) == {
        f"note {MASK}": [f"Bearer {MASK}", {"Authorization": MASK}],
        "token": "",
        "abc": "abc",
        "password": 5,
    }
    made.grade("tls", Grade.FAILED, "refused s3cret-token", said="s3cret-token")
    (found,) = made.report("door", "x").findings
    assert (found.detail, found.facts) == (f"refused {MASK}", {"said": MASK})


def test_what_is_large_is_cut() -> None:
    made = recorder()
    text = content(made, "x" * 10_000_000)
    assert text == f"{'x' * MAX_TEXT_CHARACTERS}… (10000000 characters)"
    assert content(made, list(range(1000)))[-1] == "… 1000 items"
    assert content(made, {str(n): n for n in range(1000)})["…"] == "1000 members"
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    assert "bottom" not in str(content(made, deep))
    made.record("from bot", ["x" * 400] * 100)
    assert made.report("door", "x").trace[-1].content.endswith("…")


def test_no_value_of_a_bot_breaks_the_report() -> None:
    made = recorder()
    odd = {"nul": "a\0b", "half": "\ud800", "large": 10**30, "none": None, "real": 1.5, "yes": True}
    assert content(made, odd) == {
        "nul": "a\ufffdb",
        "half": "?",
        "large": str(10**30),
        "none": None,
        "real": 1.5,
        "yes": True,
    }


def test_lines_beyond_what_is_kept_are_counted() -> None:
    made = recorder()
    for number in range(MAX_LINES + 3):
        made.record("note", number)
    report = made.report("door", "x")
    assert (len(report.trace), report.lost) == (MAX_LINES, 3)


def test_a_report_is_read_as_it_was_stored_but_for_checks_that_are_no_more() -> None:
    made = recorder()
    made.begin("tls")
    made.record("to bot", {"a": 1})
    made.grade("tls", Grade.WARNING, "soon", expires="tomorrow")
    made.grade("dns", Grade.OK)
    report = made.report("door", "x")
    stored = msgspec.json.decode(msgspec.json.encode(report.stored()))
    assert report_of(stored) == report
    stored["findings"][0]["check"] = "gone"
    assert [each.check for each in report_of(stored).findings] == ["tls"]


def test_a_bot_whose_configuration_does_not_work_has_a_report_too() -> None:
    report = refused("door", "language: is missing")
    assert report.grade is Grade.FAILED
    assert report.findings[0].check == "configuration"
    assert isinstance(report, Report)


def test_grades_have_words() -> None:
    assert [grade.words for grade in Grade] == [grade.value for grade in Grade]
