"""The report of a conformance run: findings with their grades, and the trace they rest on.

Pure: times come in from outside. What is kept is bounded, and secrets are masked before they get
in.
"""

import re
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from bots.conformance.checks import BY_ID, CHECKS, Check
from bots.core.params.resolve import MASK
from bots.core.texts import gettext_noop

MAX_LINES = 400
MAX_LINE_CHARACTERS = 4000
MAX_TEXT_CHARACTERS = 500
"""Longer strings inside of a message, such as audio, are cut."""
MAX_DETAIL_CHARACTERS = 1000
MAX_ITEMS = 100
MAX_DEPTH = 12
_LEAST_SECRET = 4
"""Shorter texts are no secrets, and stand in many words."""
_PROOF = re.compile(r"\b(bearer|basic) +[\x21-\x7e]{8,}", re.I)
"""A token in a header that a bot tells again, wherever it was fetched (RFC 6750, RFC 7617)."""
_SECRET_NAMES = frozenset(
    {"authorization", "token", "access_token", "password", "secret", "api_key", "apikey"}
)

Way = Literal["to bot", "from bot", "note"]


class Grade(StrEnum):
    """How a check came out; the value is stored."""

    OK = "ok"
    INFORMATION = "information"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def words(self) -> str:
        """The grade in words."""
        return _WORDS[self]


_WORDS = {
    Grade.OK: gettext_noop("ok"),
    Grade.INFORMATION: gettext_noop("information"),
    Grade.WARNING: gettext_noop("warning"),
    Grade.FAILED: gettext_noop("failed"),
    Grade.SKIPPED: gettext_noop("skipped"),
}
_SEVERITY = (Grade.FAILED, Grade.WARNING, Grade.OK)


class Line(msgspec.Struct, frozen=True):
    """Something that went over the wire, or a note; ``content`` is JSON, bounded and masked.

    ``at_ms`` counts from the beginning of the run.
    """

    at_ms: int
    way: Way
    check: str
    content: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one check; ``detail`` is a sentence, ``facts`` are by name."""

    check: str
    grade: Grade
    detail: str = ""
    ms: int = 0
    facts: dict[str, str] = {}

    @property
    def about(self) -> Check:
        """What was checked."""
        return BY_ID[self.check]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; ``lost`` is the number of lines of the trace that were too many."""

    bot: str
    plugin: str
    ms: int = 0
    findings: tuple[Finding, ...] = ()
    trace: tuple[Line, ...] = ()
    lost: int = 0

    @property
    def grade(self) -> Grade:
        """The worst of the findings; SKIPPED if nothing was proven."""
        found = {finding.grade for finding in self.findings}
        if Grade.INFORMATION in found:
            found.add(Grade.OK)
        return next((grade for grade in _SEVERITY if grade in found), Grade.SKIPPED)

    def counts(self) -> dict[Grade, int]:
        """How many findings have each grade."""
        grades = [finding.grade for finding in self.findings]
        return {grade: grades.count(grade) for grade in Grade if grade in grades}

    def lines(self, check: str) -> tuple[Line, ...]:
        """The part of the trace that belongs to one check."""
        return tuple(line for line in self.trace if line.check == check)

    def stored(self) -> dict[str, Any]:
        """The report as JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def refused(bot: str, problem: str) -> Report:
    """The report of a bot whose configuration does not work."""
    found = Finding(check="configuration", grade=Grade.FAILED, detail=problem)
    return Report(bot=bot, plugin="", findings=(found,))


def report_of(stored: Mapping[str, Any]) -> Report:
    """The report that `Report.stored` made; checks that no longer exist are left out."""
    report = msgspec.convert(stored, Report)
    known = tuple(each for each in report.findings if each.check in BY_ID)
    return msgspec.structs.replace(report, findings=known)


class Recorder:
    """Collects findings and the trace; ``clock`` gives milliseconds since the beginning."""

    def __init__(
        self, clock: Callable[[], float], secrets: Collection[str], only: Collection[str] = ()
    ) -> None:
        self.at = CHECKS[0].id
        """The check in hand, to which lines of the trace belong."""
        self.findings: dict[str, Finding] = {}
        self.lost = 0
        self.scope = frozenset(only) or frozenset(BY_ID)
        """The checks that are graded."""
        self._clock = clock
        self._began = 0.0
        self._secrets: list[str] = []
        self._trace: list[Line] = []
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Mask ``secrets`` too in what comes from here on."""
        known = {*self._secrets, *secrets}
        # The longest first: one may be part of another.
        self._secrets = sorted((s for s in known if len(s) >= _LEAST_SECRET), key=len, reverse=True)

    def wants(self, *checks: str) -> bool:
        """Whether any of these checks is to be graded."""
        return not self.scope.isdisjoint(checks)

    def begin(self, check: str) -> None:
        """``check`` is in hand from here on."""
        self.at, self._began = BY_ID[check].id, self._clock()

    def record(self, way: Way, content: Any) -> None:
        """A line of the trace."""
        if len(self._trace) >= MAX_LINES:
            self.lost += 1
            return
        text = msgspec.json.encode(self._bounded(content, 0)).decode()
        if len(text) > MAX_LINE_CHARACTERS:
            text = f"{text[:MAX_LINE_CHARACTERS]}…"
        self._trace.append(Line(round(self._clock()), way, self.at, text))

    def grade(self, check: str, grade: Grade, detail: str = "", **facts: object) -> None:
        """What came of ``check``; the first finding counts unless the next is worse."""
        if not self.wants(check):
            return
        known = self.findings.get(check)
        if known is not None and _rank(known.grade) <= _rank(grade):
            return
        ms = round(self._clock() - self._began) if check == self.at else 0
        plain = {name: self._text(str(fact)) for name, fact in facts.items() if fact != ""}
        self.findings[check] = Finding(
            check=check,
            grade=grade,
            detail=self._text(detail)[:MAX_DETAIL_CHARACTERS],
            ms=ms,
            facts=plain,
        )

    def report(self, bot: str, plugin: str) -> Report:
        """Everything so far, the findings in the order of their declarations."""
        found = tuple(self.findings[c.id] for c in CHECKS if c.id in self.findings)
        return Report(
            bot=bot,
            plugin=plugin,
            ms=round(self._clock()),
            findings=found,
            trace=tuple(self._trace),
            lost=self.lost,
        )

    def _text(self, text: str) -> str:
        # NB what a bot wrote may hold what no column takes: NUL and halves of characters.
        text = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = _PROOF.sub(rf"\1 {MASK}", text)
        if len(text) > MAX_TEXT_CHARACTERS:
            return f"{text[:MAX_TEXT_CHARACTERS]}… ({len(text)} characters)"
        return text

    def _bounded(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return "…"
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            items = list(value.items())
            kept = {self._text(str(k)): self._named(str(k), v, depth) for k, v in items[:MAX_ITEMS]}
            return kept | ({"…": f"{len(items)} members"} if len(items) > MAX_ITEMS else {})
        if isinstance(value, list | tuple):
            cut = [self._bounded(each, depth + 1) for each in value[:MAX_ITEMS]]
            return [*cut, f"… {len(value)} items"] if len(value) > MAX_ITEMS else cut
        if value is None or isinstance(value, bool | float):
            return value
        return value if isinstance(value, int) and abs(value) < 2**63 else self._text(str(value))

    def _named(self, name: str, value: Any, depth: int) -> Any:
        if name.lower() in _SECRET_NAMES and isinstance(value, str) and value:
            return MASK
        return self._bounded(value, depth + 1)


def _rank(grade: Grade) -> int:
    order = (Grade.FAILED, Grade.WARNING, Grade.INFORMATION, Grade.OK, Grade.SKIPPED)
    return order.index(grade)
