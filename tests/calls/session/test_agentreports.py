"""What of a voice agent's reports the webhook of its call is told."""

from typing import Any
from uuid import UUID

import pytest

from bots.core.activities import Json
from calls.core.commands import RecordReport
from calls.facts import AgentTold
from calls.records import RecordWriter
from calls.session import agentreports as module
from calls.session.agentreports import MAX_REPORT_BYTES, AgentReports

CALL = UUID(int=7)
WITHOUT_WORDS = {"name": "order", "arguments": "…"}


class Desk:
    def __init__(self, *wanted: str, whole: bool = True) -> None:
        self._records = RecordWriter()
        self._reports = AgentReports(self._records, CALL, frozenset(wanted), whole=whole)

    def tell(self, name: Any, detail: Json) -> None:
        report = RecordReport(name=name, detail=detail)
        self._reports.told(report, WITHOUT_WORDS, offset_ms=1200)

    @property
    def facts(self) -> list[Any]:
        return list(self._records._queue)


def test_reports_that_are_wanted_are_numbered_and_whole() -> None:
    desk, detail = Desk("function_call", "latency"), {"name": "order", "arguments": {"no": 7}}
    desk.tell("thinking", {"content": "hm"})
    desk.tell("function_call", detail)
    desk.tell("latency", {"tts_ms": 90})
    expected: dict[str, Any] = {"call_id": CALL, "offset_ms": 1200, "complete": True}
    assert desk.facts == [
        AgentTold(seq=1, report="function_call", detail=detail, **expected),
        AgentTold(seq=2, report="latency", detail={"tts_ms": 90}, **expected),
    ]


@pytest.mark.parametrize(
    "detail",
    [
        {"content": "x" * MAX_REPORT_BYTES},
        {"content": "\ud800"},
        {"content": object()},
    ],
    ids=["large", "surrogate", "no JSON"],
)
def test_what_cannot_be_told_is_told_without_words(detail: Json) -> None:
    desk = Desk("function_call")
    desk.tell("function_call", detail)
    (fact,) = desk.facts
    assert (fact.detail, fact.complete) == (WITHOUT_WORDS, False)


def test_words_of_a_call_whose_transcript_is_not_kept_are_not_told() -> None:
    desk = Desk("function_call", whole=False)
    desk.tell("function_call", {"name": "order", "arguments": {"no": 7}})
    (fact,) = desk.facts
    assert (fact.detail, fact.complete) == (WITHOUT_WORDS, False)


def test_an_agent_that_tells_without_end_is_not_told_of_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_REPORTS", 2)
    desk = Desk("warning")
    for _ in range(5):
        desk.tell("warning", {})
    assert [fact.seq for fact in desk.facts] == [1, 2]
