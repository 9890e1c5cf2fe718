"""A steady rate with a burst."""

import pytest

from calls.core.allowance import Allowance

pytestmark = pytest.mark.pure


def test_an_allowance_refills_with_time_up_to_what_is_allowed_at_once() -> None:
    allowance = Allowance(rate=10, burst=20)
    assert allowance.take(20, now=100)
    assert not allowance.take(1, now=100)
    assert allowance.take(5, now=100.5)
    assert not allowance.take(1, now=100.5)
    assert allowance.take(20, now=1000)
    assert not allowance.take(0.5, now=1000)


def test_what_is_refused_uses_nothing_up() -> None:
    allowance = Allowance(rate=1, burst=5)
    assert not allowance.take(6, now=10)
    assert allowance.take(5, now=10)
