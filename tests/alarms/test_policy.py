"""What counts for a type of alarm."""

import pytest

from alarms.core.catalogue import STT_PROVIDER_FAILURE
from alarms.core.policy import policy_of
from alarms.core.rules import Rule
from alarms.core.severity import Severity

pytestmark = pytest.mark.pure

KIND = STT_PROVIDER_FAILURE


def test_without_a_rule_everything_is_as_declared() -> None:
    policy = policy_of(KIND)
    for name in ("severity", "text", "count", "window_s", "hold_off_s", "clear_after_s"):
        assert getattr(policy, name) == getattr(KIND, name)
    assert policy.forget_after_s == KIND.forget_after_s
    assert policy == policy_of(KIND, Rule())


def test_a_rule_changes_what_it_names() -> None:
    rule = Rule(severity=2, text="{source}!", count=7, window_s=8, hold_off_s=0, clear_after_s=0)
    policy = policy_of(KIND, rule)
    assert (policy.severity, policy.count, policy.window_s) == (Severity.WARNING, 7, 8)
    assert (policy.hold_off_s, policy.clear_after_s) == (0, 0)
    assert policy.worded("provider:azure-1", "late") == "azure-1!"


def test_who_says_within_which_time_failures_count_means_those_in_a_row_as_well() -> None:
    assert KIND.in_a_row_s > KIND.window_s
    assert policy_of(KIND, Rule(count=7)).in_a_row_s == KIND.in_a_row_s
    assert policy_of(KIND, Rule(window_s=8)).in_a_row_s == 0


def test_a_rule_wants_to_know_of_some_sources_or_of_none() -> None:
    assert policy_of(KIND).applies("provider:x")
    some = policy_of(KIND, Rule(sources=("azure-*",)))
    assert some.applies("provider:azure-1")
    assert not some.applies("provider:google")
    assert not policy_of(KIND, Rule(enabled=False)).applies("provider:x")


def test_people_who_chose_a_severity_are_not_overruled_by_a_report() -> None:
    assert policy_of(KIND).severity_of(None) is KIND.severity
    assert policy_of(KIND).severity_of(Severity.WARNING) is Severity.WARNING
    assert policy_of(KIND, Rule(severity=5)).severity_of(Severity.WARNING) is Severity.CRITICAL
