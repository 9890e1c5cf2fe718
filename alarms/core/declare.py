"""How a type of alarm is declared: everything that pages, traps, rules and docs say follows from
it."""

import msgspec

from alarms.core.damping import Damping
from alarms.core.severity import Severity


class AlarmType(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be wrong, with an entity (its *source*) that it is wrong with.

    ``name`` is stable: in the API, in traps, in stored rules. ``number`` is the last part of the
    trap's OID and never used twice. ``entity`` is the kind of its sources, which read
    ``<entity>:<name>``. ``text`` is a template with ``{source}`` (the name in it) and ``{detail}``.
    ``cause`` is a probable cause of ITU-T X.733. ``effect`` says what callers notice; ``steps`` is
    the runbook, one thing to do each.

    It counts when it was told ``count`` times within ``window_s``, or as often within
    ``in_a_row_s`` without having worked in between (where few call, failures are far apart; 0: that
    makes no difference); a condition that is watched, when it has held for ``hold_off_s``. It is
    over when that is told and nothing spoke against it for ``clear_after_s``, and in any case when
    nobody told anything for ``forget_after_s``; 0: never. ``damping`` says when it comes and goes
    too often to be over as soon as that.
    """

    name: str
    number: int
    title: str
    entity: str
    severity: Severity
    text: str
    cause: str
    effect: str
    steps: tuple[str, ...]
    count: int = 1
    window_s: float = 60.0
    in_a_row_s: float = 0.0
    hold_off_s: float = 0.0
    clear_after_s: float = 0.0
    forget_after_s: float = 0.0
    damping: Damping = Damping()

    def source(self, name: str = "") -> str:
        """The source of this type that is called ``name``; there is one only without a name."""
        return f"{self.entity}:{name}"[:MAX_SOURCE_CHARS] if name else self.entity


MAX_SOURCE_CHARS = 200
MAX_TEXT_CHARS = 500
