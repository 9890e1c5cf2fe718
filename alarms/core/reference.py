"""The page of the documentation about every type of alarm, made from the catalogue."""

from collections.abc import Iterator

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.severity import Severity

PAGE = "alarms.md"
_HEAD = """\
# Alarms

Everything that can be wrong, by number. The number is the last part of the OID of its traps, and
neither it nor the name is ever given to another type. Severity, text, threshold and delays are as
declared; [rules](../how-to/tune-alarms.md) change them, type by type. What an alarm is about, its
*source*, reads `<entity>:<name>`, such as `provider:azure-1`, or is only the entity where there is
one of it.
"""


def render() -> str:
    """The page in Markdown."""
    return "\n".join([_HEAD, *_severities(), "", *_table(), "", *_types(), ""])


def _severities() -> list[str]:
    listed = ", ".join(f"{each.word} ({each.value})" for each in sorted(Severity, reverse=True))
    return [f"Severities, worst first, with their numbers in traps: {listed}."]


def _table() -> Iterator[str]:
    yield "| No. | Type | Severity | Entity | Counts | Clears |"
    yield "|---:|---|---|---|---|---|"
    for kind in CATALOGUE.values():
        name = f"[{kind.name}](#{kind.name.lower()})"
        yield (
            f"| {kind.number} | {name} | {kind.severity.word} | {kind.entity} | {_counts(kind)} | "
            f"{_clears(kind)} |"
        )


def _types() -> Iterator[str]:
    for kind in CATALOGUE.values():
        yield from (
            f"## {kind.name}",
            "",
            f"**{kind.title}.** {kind.effect}",
            "",
            f"- Number {kind.number}, {kind.severity.word}; source: {kind.entity}",
            f"- Text: `{kind.text}`",
            f"- Probable cause (ITU-T X.733): {kind.cause}",
            f"- Counts: {_counts(kind)}",
            f"- Clears: {_clears(kind)}",
            "",
            "What to do:",
            "",
            *(f"{number}. {step}" for number, step in enumerate(kind.steps, start=1)),
            "",
        )


def _counts(kind: AlarmType) -> str:
    if kind.hold_off_s:
        return f"when it has held for {kind.hold_off_s:g} s"
    if kind.count > 1:
        row = f", or in a row within {kind.in_a_row_s:g} s" if kind.in_a_row_s else ""
        return f"{kind.count} times within {kind.window_s:g} s{row}"
    return "at once"


def _clears(kind: AlarmType) -> str:
    over = f"after {kind.clear_after_s:g} s without" if kind.clear_after_s else "when it is over"
    if not kind.forget_after_s:
        return over
    return f"{over}, or when nobody told of it for {kind.forget_after_s:g} s"
