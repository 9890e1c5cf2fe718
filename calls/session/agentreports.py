"""What a voice agent tells about its work, on its way to the webhook of its call."""

from uuid import UUID

import msgspec

from bots.core.activities import Json
from calls.core.commands import RecordReport
from calls.facts import AgentTold
from calls.records import RecordWriter

MAX_REPORTS = 5_000
"""Of one call; those beyond are not told."""
MAX_REPORT_BYTES = 65_536
"""Of a larger one only what an event of the call says is told."""


class AgentReports:
    """Numbers the reports of one call that are ``wanted`` and hands them to the record writer.

    ``whole``: the words in them may be told.
    """

    def __init__(
        self, records: RecordWriter, call_id: UUID, wanted: frozenset[str], *, whole: bool
    ) -> None:
        self._records = records
        self._call_id = call_id
        self._wanted = wanted
        self._whole = whole
        self._told = 0

    def told(self, report: RecordReport, without_words: Json, offset_ms: int) -> None:
        """The agent told ``report``, ``offset_ms`` after the call began."""
        if report.name not in self._wanted or self._told >= MAX_REPORTS:
            return
        self._told += 1
        complete = self._whole and _fits(report.detail)
        self._records.put(
            AgentTold(
                call_id=self._call_id,
                seq=self._told,
                offset_ms=offset_ms,
                report=report.name,
                detail=report.detail if complete else without_words,
                complete=complete,
            )
        )


def _fits(detail: Json) -> bool:
    try:
        return len(msgspec.json.encode(detail)) <= MAX_REPORT_BYTES
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
