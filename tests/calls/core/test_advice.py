"""Every cause of a failed call has an owner, a meaning and a next step."""

from itertools import product
from typing import get_args

import pytest

from bots.core.errors import Fault
from calls.core.advice import Owner, advice
from calls.core.closing import Cause
from calls.core.commands import FailingService
from calls.services import LOST_CAUSE

pytestmark = pytest.mark.pure


def test_a_call_that_ended_in_order_needs_no_advice() -> None:
    assert advice("") is None


@pytest.mark.parametrize("cause", [*Cause, LOST_CAUSE])
def test_every_cause_of_the_gateway_is_explained(cause: str) -> None:
    found = advice(cause)
    assert found is not None
    assert found.owner in Owner
    assert found.meaning.endswith(".")
    assert found.remedy.endswith(".")
    if cause != Cause.INTERNAL:
        assert found != advice(Cause.INTERNAL)


@pytest.mark.parametrize(("service", "fault"), [*product(get_args(FailingService), Fault)])
def test_every_fault_of_a_service_names_its_owner(service: str, fault: Fault) -> None:
    found = advice(f"{service}:{fault}")
    assert found is not None
    assert found.owner == ("carrier" if service == "channel" else service)
    assert found.remedy


@pytest.mark.parametrize("cause", ["tts:cosmic-rays", "llm:timeout", "never heard of it"])
def test_an_unknown_cause_is_the_gateways_own(cause: str) -> None:
    assert advice(cause) == advice(Cause.INTERNAL)
