"""What people may change about a type of alarm, and what is wrong with what they want."""

import msgspec

from alarms.core.declare import MAX_SOURCE_CHARS
from alarms.core.evidence import MAX_TIMES
from alarms.core.patterns import MAX_PATTERNS
from alarms.core.severity import Severity
from alarms.core.wording import problem_of

LONGEST_S = 86_400
RANGES = {
    "count": (1, MAX_TIMES),
    "window_s": (1, LONGEST_S),
    "hold_off_s": (0, LONGEST_S),
    "clear_after_s": (0, LONGEST_S),
}
"""The smallest and the largest value of each number, the times in seconds."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What is customised about one type; None and empty: as declared."""

    enabled: bool = True
    sources: tuple[str, ...] = ()
    severity: int | None = None
    text: str = ""
    count: int | None = None
    window_s: int | None = None
    hold_off_s: int | None = None
    clear_after_s: int | None = None

    def changed(self) -> dict[str, object]:
        """What is not as declared, by field."""
        mine, none = msgspec.structs.asdict(self), msgspec.structs.asdict(AS_DECLARED)
        return {name: value for name, value in mine.items() if value != none[name]}


AS_DECLARED = Rule()


def problems_of(rule: Rule) -> dict[str, str]:
    """Everything that is wrong with ``rule``, by field."""
    found = {
        "sources": patterns_problem(rule.sources),
        "text": problem_of(rule.text),
    }
    if (
        rule.severity is not None
        and not Severity.INDETERMINATE <= rule.severity <= Severity.CRITICAL
    ):
        found["severity"] = "must be one of 1 (indeterminate) to 5 (critical)"
    for name, (least, most) in RANGES.items():
        value = getattr(rule, name)
        if value is not None and not least <= value <= most:
            found[name] = f"must be from {least} to {most}"
    return {name: text for name, text in found.items() if text}


def patterns_problem(patterns: tuple[str, ...]) -> str:
    """What is wrong with ``patterns`` of sources; nothing: the empty string."""
    if len(patterns) > MAX_PATTERNS:
        return f"has more than {MAX_PATTERNS} entries"
    for each in patterns:
        if not each.strip() or each != each.strip():
            return "has an entry that is empty or begins or ends with a space"
        if len(each) > MAX_SOURCE_CHARS:
            return f"has an entry of more than {MAX_SOURCE_CHARS} characters"
        if not each.isprintable():
            return "has an entry with a character that is not printed"
    return ""
