"""The six severities."""

import pytest

from alarms.core.severity import Severity

pytestmark = pytest.mark.pure


def test_severities_are_ordered_numbered_and_named() -> None:
    assert [each.value for each in sorted(Severity)] == [0, 1, 2, 3, 4, 5]
    assert Severity.CRITICAL.word == "critical"
    assert [each.title for each in sorted(Severity)] == [
        "Clear",
        "Indeterminate",
        "Warning",
        "Minor",
        "Major",
        "Critical",
    ]
