"""When a disk is too full."""

import pytest

from alarms.core.severity import Severity
from calls.core.room import shortage

pytestmark = pytest.mark.pure

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("total", "free", "severity"),
    [
        (100 * GB, 50 * GB, None),
        (20 * GB, 4 * GB, None),
        (1000 * GB, 50 * GB, None),
        (100 * GB, 4 * GB, Severity.MAJOR),
        (100 * GB, 1 * GB, Severity.CRITICAL),
        (2 * GB, GB // 5, Severity.CRITICAL),
        (1000 * GB, 10 * GB, None),
        (0, 0, Severity.CRITICAL),
    ],
)
def test_how_bad_it_is_follows_from_what_is_left(
    total: int, free: int, severity: Severity | None
) -> None:
    assert shortage(total, free) == severity
