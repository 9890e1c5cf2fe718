"""When a disk is too full."""

from alarms.core.severity import Severity

_GIGABYTE = 1_000_000_000
SCARCE = (5 * _GIGABYTE, 0.10)
"""Below this many bytes and below this part of the whole, somebody should make room."""
NEARLY_NONE = (_GIGABYTE // 4, 0.02)
"""Below one of these, what has to be written soon fails."""


def shortage(total_bytes: int, free_bytes: int) -> Severity | None:
    """How bad it is that only ``free_bytes`` are left; None: there is room."""
    part = free_bytes / total_bytes if total_bytes else 0.0
    if free_bytes < NEARLY_NONE[0] or (part < NEARLY_NONE[1] and free_bytes < SCARCE[0]):
        return Severity.CRITICAL
    if free_bytes < SCARCE[0] and part < SCARCE[1]:
        return Severity.MAJOR
    return None
