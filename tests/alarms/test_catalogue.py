"""The catalogue of alarms, and what a type is declared by."""

import msgspec
import pytest

from alarms.core.catalogue import CATALOGUE, STT_PROVIDER_FAILURE, WORKER_DOWN, _by_name
from alarms.core.declare import AlarmType
from alarms.core.severity import Severity
from alarms.core.wording import problem_of

pytestmark = pytest.mark.pure


def test_types_are_found_by_name_in_the_order_of_their_numbers() -> None:
    numbers = [kind.number for kind in CATALOGUE.values()]
    assert numbers == sorted(numbers)
    assert CATALOGUE["sttProviderFailure"] is STT_PROVIDER_FAILURE


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_type_says_what_callers_notice_and_what_to_do(kind: AlarmType) -> None:
    assert kind.effect
    assert kind.steps
    assert all(kind.steps)
    assert problem_of(kind.text) == ""
    assert kind.severity is not Severity.CLEAR


def test_neither_a_name_nor_a_number_is_given_twice() -> None:
    twin = msgspec.structs.replace(WORKER_DOWN, number=4711)
    with pytest.raises(TypeError, match="workerDown"):
        _by_name([WORKER_DOWN, twin])
    cuckoo = msgspec.structs.replace(WORKER_DOWN, name="another")
    with pytest.raises(TypeError, match="number 15"):
        _by_name([WORKER_DOWN, cuckoo])


def test_values_that_are_no_types_are_passed_over() -> None:
    assert _by_name([]) == {}
