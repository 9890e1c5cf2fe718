"""What an SNMP trap says about an alarm: its objects, declared once for traps and for the MIB.

Source: product description 5.3; the objects and severities are those of AudioCodes' traps, under
names and numbers of our own.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from alarms.core.plain import cut, one_line
from alarms.core.ports import Notice
from alarms.core.severity import Severity

Syntax = Literal["Unsigned32", "VaigSeverity", "VaigEventType", "VaigChange", "text", "DateAndTime"]

MAX_OCTETS = 255
"""Of a text: the size of SnmpAdminString."""
TEST_NUMBER = 9999
"""The last part of the OID of a test; no type of alarm has it."""

SEVERITIES = {
    Severity.CLEAR: "cleared",
    Severity.INDETERMINATE: "indeterminate",
    Severity.WARNING: "warning",
    Severity.MINOR: "minor",
    Severity.MAJOR: "major",
    Severity.CRITICAL: "critical",
}
CHANGES = {"raised": 1, "changed": 2, "cleared": 3, "resent": 4, "test": 5}
EVENT_TYPES = {
    "other": 1,
    "communicationsAlarm": 2,
    "qualityOfServiceAlarm": 3,
    "processingErrorAlarm": 4,
    "equipmentAlarm": 5,
    "environmentalAlarm": 6,
    "securityAlarm": 10,
}
"""Kinds of events of ITU-T X.733 and X.736, numbered as IANAItuEventType."""
_BY_CAUSE = {
    "communicationsSubsystemFailure": "communicationsAlarm",
    "configurationOrCustomizationError": "processingErrorAlarm",
    "cpuCyclesLimitExceeded": "processingErrorAlarm",
    "keyExpired": "securityAlarm",
    "queueSizeExceeded": "qualityOfServiceAlarm",
    "resourceAtOrNearingCapacity": "qualityOfServiceAlarm",
    "softwareError": "processingErrorAlarm",
    "softwareProgramAbnormallyTerminated": "processingErrorAlarm",
    "storageCapacityProblem": "processingErrorAlarm",
    "thresholdCrossed": "qualityOfServiceAlarm",
    "unauthorizedAccessAttempt": "securityAlarm",
    "underlyingResourceUnavailable": "processingErrorAlarm",
}


class TrapObject(msgspec.Struct, frozen=True):
    """One object of every trap: ``number`` is its place below the arc of objects."""

    number: int
    name: str
    syntax: Syntax
    says: str
    value: Callable[[Notice], int | bytes]


class Varbind(msgspec.Struct, frozen=True):
    """One name with its value as they go out; ``form`` says how the value is encoded."""

    oid: str
    form: Literal["integer", "unsigned", "octets", "oid", "ticks"]
    value: int | bytes | str


def octets(text: str, most: int = MAX_OCTETS) -> bytes:
    """``text`` in UTF-8, in one line without control characters, cut to ``most`` octets."""
    return cut(one_line(text), most)


def date_and_time(moment: datetime) -> bytes:
    """``moment`` in UTC as DateAndTime of SNMPv2-TC."""
    utc = moment.astimezone(UTC)
    fields = [utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond // 100_000]
    return utc.year.to_bytes(2, "big") + bytes(fields) + b"+\0\0"


def event_type(cause: str) -> int:
    """The number of the kind of event that a probable cause belongs to."""
    return EVENT_TYPES[_BY_CAUSE.get(cause, "other")]


OBJECTS = (
    TrapObject(
        1,
        "vaigAlarmNumber",
        "Unsigned32",
        "The number of the type of alarm: the last part of the OID of its notification.",
        lambda notice: notice.number,
    ),
    TrapObject(
        2,
        "vaigAlarmName",
        "text",
        "The name of the type of alarm, such as sttProviderFailure.",
        lambda notice: octets(notice.type),
    ),
    TrapObject(
        3,
        "vaigAlarmTextualDescription",
        "text",
        "What is wrong, in one sentence.",
        lambda notice: octets(notice.text),
    ),
    TrapObject(
        4,
        "vaigAlarmSource",
        "text",
        "What it is wrong with, such as provider:azure-1. The type and the source together name "
        "what is wrong: there is one alarm of a type and a source at a time.",
        lambda notice: octets(notice.source),
    ),
    TrapObject(
        5,
        "vaigAlarmSeverity",
        "VaigSeverity",
        "How bad it is now. With cleared(0) the alarm with this vaigAlarmUniqId is over.",
        lambda notice: int(notice.severity),
    ),
    TrapObject(
        6,
        "vaigAlarmUniqId",
        "text",
        "Names this time that it is wrong: the same from the first notification to the one that "
        "says cleared(0), and never used again.",
        lambda notice: octets(notice.alarm_id),
    ),
    TrapObject(
        7,
        "vaigAlarmType",
        "VaigEventType",
        "The kind of event.",
        lambda notice: event_type(notice.cause),
    ),
    TrapObject(
        8,
        "vaigAlarmProbableCause",
        "text",
        "The probable cause, by its name in ITU-T X.733.",
        lambda notice: octets(notice.cause),
    ),
    TrapObject(
        9,
        "vaigAlarmAdditionalInfo1",
        "text",
        "What was noticed, in detail.",
        lambda notice: octets(notice.detail),
    ),
    TrapObject(
        10,
        "vaigAlarmAdditionalInfo2",
        "text",
        "The address of a page that says what to do.",
        lambda notice: octets(notice.runbook_url),
    ),
    TrapObject(
        11,
        "vaigAlarmAdditionalInfo3",
        "text",
        "The address of a page that tells the story of this alarm.",
        lambda notice: octets(notice.console_url),
    ),
    TrapObject(
        12,
        "vaigAlarmDateAndTime",
        "DateAndTime",
        "When it was raised, changed or cleared, in UTC.",
        lambda notice: date_and_time(notice.at),
    ),
    TrapObject(
        13,
        "vaigAlarmGatewayName",
        "text",
        "What the gateway that says so is called.",
        lambda notice: octets(notice.gateway),
    ),
    TrapObject(
        14,
        "vaigAlarmChange",
        "VaigChange",
        "What happened to the alarm.",
        lambda notice: CHANGES[notice.kind],
    ),
    TrapObject(
        15,
        "vaigAlarmSequence",
        "Unsigned32",
        "Numbers the changes of all alarms of the gateway, so that a gap shows that some "
        "notification was lost or not meant for this receiver; 0 in what was sent again and in "
        "tests.",
        lambda notice: notice.seq % 2**32,
    ),
)

_FORMS: dict[Syntax, Literal["integer", "unsigned", "octets"]] = {
    "Unsigned32": "unsigned",
    "VaigSeverity": "integer",
    "VaigEventType": "integer",
    "VaigChange": "integer",
    "text": "octets",
    "DateAndTime": "octets",
}
_UP_TIME = "1.3.6.1.2.1.1.3.0"
_TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"


def varbinds(notice: Notice, *, arc: str, up: timedelta) -> list[Varbind]:
    """Everything a trap about ``notice`` carries, in order.

    ``arc`` is the OID of the MIB; ``up`` is for how long the gateway has spoken.
    """
    ticks = int(up.total_seconds() * 100) % 2**32
    return [
        Varbind(_UP_TIME, "ticks", ticks),
        Varbind(_TRAP_OID, "oid", f"{arc}.0.{notice.number}"),
        *(
            Varbind(f"{arc}.1.{each.number}.0", _FORMS[each.syntax], each.value(notice))
            for each in OBJECTS
        ),
    ]


class Engine(msgspec.Struct, frozen=True):
    """The SNMP engine of this installation, which all its processes speak as (RFC 3411, 3414).

    ``since`` is when its boot number ``boots`` began: with the clocks of the machines in step they
    all tell the same time, and a restarted process goes on where it was.
    """

    id: bytes
    boots: int
    since: datetime
    arc: str

    def up(self, now: datetime) -> timedelta:
        """For how long it has spoken at ``now``."""
        return max(timedelta(), now - self.since)
