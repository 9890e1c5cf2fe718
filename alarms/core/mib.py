"""The MIB that describes our traps, made from the catalogue and the objects of `alarms.core.trap`.

Source: RFC 2578, 2579 and 2580 (SMIv2).
"""

import textwrap
from collections.abc import Iterable, Iterator

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.trap import CHANGES, EVENT_TYPES, OBJECTS, SEVERITIES, TEST_NUMBER, Syntax

MODULE = "VOICE-AI-GATEWAY-MIB"
DEFAULT_ARC = "1.3.6.1.4.1.8072.9999.9999.2611"
"""Where traps have their place unless an installation says otherwise: in what net-snmp keeps for
trying things out (NET-SNMP-MIB, netSnmpPlaypen)."""
REVISED = "202611210000Z"
"""When what is said about traps changed last; a type that comes or goes is such a change."""

_ENTERPRISES = "1.3.6.1.4.1."
_INTERNET = "1.3.6.1."
_SYNTAXES: dict[Syntax, str] = {
    "Unsigned32": "Unsigned32",
    "VaigSeverity": "VaigSeverity",
    "VaigEventType": "VaigEventType",
    "VaigChange": "VaigChange",
    "text": "SnmpAdminString",
    "DateAndTime": "DateAndTime",
}


def mib(arc: str) -> str:
    """The MIB for an installation whose traps have their place at ``arc``, such as
    ``1.3.6.1.4.1.99999.1``; it lies below 1.3.6.1."""
    root, parts = ("internet", arc.removeprefix(_INTERNET))
    if arc.startswith(_ENTERPRISES):
        root, parts = "enterprises", arc.removeprefix(_ENTERPRISES)
    sections = (
        _beginning(root, parts.replace(".", " ")),
        *_conventions(),
        *_objects(),
        *_notifications(),
        *_conformance(),
        "END",
    )
    return "\n\n".join(sections) + "\n"


def notification_name(kind: AlarmType) -> str:
    """The name of the notification about alarms of ``kind``."""
    return f"vaig{kind.name[0].upper()}{kind.name[1:]}"


def _quoted(*paragraphs: str) -> str:
    """Text as SMI has it: ASCII without quotation marks, indented."""
    lines: list[str] = []
    for paragraph in paragraphs:
        plain = paragraph.encode("ascii", "replace").decode().replace('"', "'")
        lines += ["", *textwrap.wrap(plain, 70)] if lines else textwrap.wrap(plain, 70)
    return '"' + "\n".join(lines).replace("\n", "\n     ").replace("     \n", "\n") + '"'


def _listed(names: Iterable[str]) -> str:
    return "{\n        " + ",\n        ".join(names) + "\n    }"


def _beginning(root: str, place: str) -> str:
    return f"""{MODULE} DEFINITIONS ::= BEGIN

-- Made by "manage.py mib" from the catalogue of alarms.

IMPORTS
    MODULE-IDENTITY, OBJECT-TYPE, NOTIFICATION-TYPE, Unsigned32, {root}
        FROM SNMPv2-SMI
    TEXTUAL-CONVENTION, DateAndTime
        FROM SNMPv2-TC
    MODULE-COMPLIANCE, OBJECT-GROUP, NOTIFICATION-GROUP
        FROM SNMPv2-CONF
    SnmpAdminString
        FROM SNMP-FRAMEWORK-MIB;

voiceAiGatewayMIB MODULE-IDENTITY
    LAST-UPDATED "{REVISED}"
    ORGANIZATION "Voice AI Gateway"
    CONTACT-INFO
     "The operator of this gateway; its console has a page about each alarm."
    DESCRIPTION
     {
        _quoted(
            "Alarms of the Voice AI Gateway.",
            "An alarm is raised, may change its severity, and is cleared. Each of these is a "
            "notification of the alarm's type with the same objects; they differ in "
            "vaigAlarmSeverity. A notification with the severity cleared(0) ends the alarm that "
            "earlier notifications with the same vaigAlarmUniqId told of; where a notification "
            "was lost, the type and vaigAlarmSource name the alarm as well.",
        )
    }
    REVISION "{REVISED}"
    DESCRIPTION
     "What this module says at present."
    ::= {{ {root} {place} }}

vaigNotifications OBJECT IDENTIFIER ::= {{ voiceAiGatewayMIB 0 }}
vaigObjects       OBJECT IDENTIFIER ::= {{ voiceAiGatewayMIB 1 }}
vaigConformance   OBJECT IDENTIFIER ::= {{ voiceAiGatewayMIB 2 }}
vaigCompliances   OBJECT IDENTIFIER ::= {{ vaigConformance 1 }}
vaigGroups        OBJECT IDENTIFIER ::= {{ vaigConformance 2 }}"""


def _conventions() -> Iterator[str]:
    severities = {word: int(severity) for severity, word in SEVERITIES.items()}
    yield _convention("VaigSeverity", "How bad an alarm is, clear to critical.", severities)
    yield _convention(
        "VaigEventType",
        "A kind of event of ITU-T X.733 or X.736, numbered as in IANAItuEventType.",
        EVENT_TYPES,
    )
    yield _convention("VaigChange", "What happened to an alarm.", CHANGES)


def _convention(name: str, says: str, values: dict[str, int]) -> str:
    return f"""{name} ::= TEXTUAL-CONVENTION
    STATUS      current
    DESCRIPTION
     {_quoted(says)}
    SYNTAX      INTEGER {_listed(f"{word}({number})" for word, number in values.items())}"""


def _objects() -> Iterator[str]:
    for each in OBJECTS:
        yield f"""{each.name} OBJECT-TYPE
    SYNTAX      {_SYNTAXES[each.syntax]}
    MAX-ACCESS  accessible-for-notify
    STATUS      current
    DESCRIPTION
     {_quoted(each.says)}
    ::= {{ vaigObjects {each.number} }}"""


def _notifications() -> Iterator[str]:
    for kind in CATALOGUE.values():
        steps = (f"{number}. {step}" for number, step in enumerate(kind.steps, 1))
        effect = f"What callers notice: {kind.effect}"
        about = _quoted(f"{kind.title}.", effect, "What to do:", *steps)
        yield _notification(notification_name(kind), kind.number, about)
    about = _quoted("Somebody sends a test from the console; nothing is wrong.")
    yield _notification("vaigTest", TEST_NUMBER, about)


def _notification(name: str, number: int, about: str) -> str:
    return f"""{name} NOTIFICATION-TYPE
    OBJECTS {_listed(each.name for each in OBJECTS)}
    STATUS      current
    DESCRIPTION
     {about}
    ::= {{ vaigNotifications {number} }}"""


def _conformance() -> Iterator[str]:
    yield f"""vaigCompliance MODULE-COMPLIANCE
    STATUS      current
    DESCRIPTION
     "What every gateway sends."
    MODULE
    MANDATORY-GROUPS {_listed(["vaigObjectsGroup", "vaigNotificationsGroup"])}
    ::= {{ vaigCompliances 1 }}"""
    yield f"""vaigObjectsGroup OBJECT-GROUP
    OBJECTS {_listed(each.name for each in OBJECTS)}
    STATUS      current
    DESCRIPTION
     "What is in every notification."
    ::= {{ vaigGroups 1 }}"""
    names = [*map(notification_name, CATALOGUE.values()), "vaigTest"]
    yield f"""vaigNotificationsGroup NOTIFICATION-GROUP
    NOTIFICATIONS {_listed(names)}
    STATUS      current
    DESCRIPTION
     "Every type of alarm, and the test."
    ::= {{ vaigGroups 2 }}"""
