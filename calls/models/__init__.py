"""The rows of this room: records of calls, and outbound calls that were asked for."""

from calls.models.dialouts import Dialout, DialoutEvent
from calls.models.records import (
    Call,
    CallEvent,
    CallExport,
    ProcessLease,
    SavedView,
    ServiceFault,
    Snapshot,
    TrafficSummary,
    TranscriptEntry,
    TurnTiming,
)
from calls.models.runs import TaskRun

__all__ = [
    "Call",
    "CallEvent",
    "CallExport",
    "Dialout",
    "DialoutEvent",
    "ProcessLease",
    "SavedView",
    "ServiceFault",
    "Snapshot",
    "TaskRun",
    "TrafficSummary",
    "TranscriptEntry",
    "TurnTiming",
]
