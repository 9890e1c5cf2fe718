"""The six severities of an alarm, worst last.

Source: product description 5.2; the numbers are those of AudioCodes' traps (cleared 0 to critical
5), the order that of ITU-T X.733 without its hole for what is unknown.
"""

from enum import IntEnum

from bots.core.texts import gettext_noop


class Severity(IntEnum):
    """How bad it is; clear says that it is over."""

    CLEAR = 0
    INDETERMINATE = 1
    WARNING = 2
    MINOR = 3
    MAJOR = 4
    CRITICAL = 5

    @property
    def word(self) -> str:
        """The severity in one lower-case English word, as in the API, in traps and in logs."""
        return self.name.lower()

    @property
    def title(self) -> str:
        """The severity for people; to be translated."""
        return _TITLES[self]


_TITLES = {
    Severity.CLEAR: gettext_noop("Clear"),
    Severity.INDETERMINATE: gettext_noop("Indeterminate"),
    Severity.WARNING: gettext_noop("Warning"),
    Severity.MINOR: gettext_noop("Minor"),
    Severity.MAJOR: gettext_noop("Major"),
    Severity.CRITICAL: gettext_noop("Critical"),
}
