"""What counts for one type of alarm at this installation: as declared, with what people changed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from alarms.core.damping import Damping
from alarms.core.declare import AlarmType
from alarms.core.patterns import listed
from alarms.core.severity import Severity
from alarms.core.wording import filled


class Customised(Protocol):
    """What people changed about a type; None and what is empty is as declared."""

    @property
    def enabled(self) -> bool:
        """Whether it is told at all."""
        ...

    @property
    def sources(self) -> Sequence[str]:
        """Patterns of the entities that count."""
        ...

    @property
    def severity(self) -> int | None:
        """How bad it is."""
        ...

    @property
    def text(self) -> str:
        """The template of its text."""
        ...

    @property
    def count(self) -> int | None:
        """How many failures count."""
        ...

    @property
    def window_s(self) -> int | None:
        """Within how many seconds."""
        ...

    @property
    def hold_off_s(self) -> int | None:
        """How many seconds a condition has to hold."""
        ...

    @property
    def clear_after_s(self) -> int | None:
        """How many seconds have to be quiet before it is over."""
        ...


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """See `AlarmType` for the meaning of the values.

    ``sources``: patterns of the names that count, none for all. ``fixed``: people chose the
    severity, so whoever reports does not.
    """

    severity: Severity
    text: str
    count: int
    window_s: float
    in_a_row_s: float
    hold_off_s: float
    clear_after_s: float
    forget_after_s: float
    damping: Damping = Damping()
    enabled: bool = True
    sources: tuple[str, ...] = ()
    fixed: bool = False

    def applies(self, source: str) -> bool:
        """Whether anybody wants to know of ``source``, such as ``provider:azure-1``."""
        return self.enabled and listed(self.sources, source)

    def worded(self, source: str, detail: str) -> str:
        """The text of an alarm of ``source``."""
        return filled(self.text, source=source, detail=detail)

    def severity_of(self, reported: Severity | None) -> Severity:
        """How bad it is when it is reported as ``reported``; None: as usual."""
        return self.severity if reported is None or self.fixed else reported


def policy_of(kind: AlarmType, rule: Customised | None = None) -> Policy:
    """What counts for ``kind`` with what people changed in ``rule``."""
    declared = Policy(
        severity=kind.severity,
        text=kind.text,
        count=kind.count,
        window_s=kind.window_s,
        in_a_row_s=kind.in_a_row_s,
        hold_off_s=kind.hold_off_s,
        clear_after_s=kind.clear_after_s,
        forget_after_s=kind.forget_after_s,
        damping=kind.damping,
    )
    if rule is None:
        return declared
    changes: Mapping[str, float | None] = {
        "count": rule.count,
        "window_s": rule.window_s,
        "hold_off_s": rule.hold_off_s,
        "clear_after_s": rule.clear_after_s,
    }
    return msgspec.structs.replace(
        declared,
        # Who says within which time failures count means all of them.
        in_a_row_s=kind.in_a_row_s if rule.window_s is None else 0.0,
        enabled=rule.enabled,
        sources=tuple(rule.sources),
        text=rule.text or kind.text,
        severity=kind.severity if rule.severity is None else Severity(rule.severity),
        fixed=rule.severity is not None,
        **{name: value for name, value in changes.items() if value is not None},
    )
