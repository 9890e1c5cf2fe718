"""What is wrong with a rule that somebody wants."""

from typing import Any

import msgspec
import pytest

from alarms.core.catalogue import STT_PROVIDER_FAILURE
from alarms.core.policy import policy_of
from alarms.core.rules import AS_DECLARED, RANGES, Rule, problems_of

pytestmark = pytest.mark.pure


def test_what_is_not_customised_is_as_declared() -> None:
    assert AS_DECLARED.changed() == {}
    assert Rule(severity=5, sources=("a",)).changed() == {"severity": 5, "sources": ("a",)}
    assert policy_of(STT_PROVIDER_FAILURE, AS_DECLARED) == policy_of(STT_PROVIDER_FAILURE)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, {}),
        ({"severity": 1}, {}),
        ({"severity": 5}, {}),
        ({"severity": 0}, {"severity": "1 (indeterminate) to 5"}),
        ({"severity": 6}, {"severity": "1 (indeterminate) to 5"}),
        ({"text": "{source}"}, {}),
        ({"text": "{who}"}, {"text": "not {who}"}),
        ({"sources": ("azure-*",)}, {}),
        ({"sources": ("",)}, {"sources": "empty"}),
        ({"sources": (" a",)}, {"sources": "space"}),
        ({"sources": ("a\0",)}, {"sources": "not printed"}),
        ({"sources": ("\ud800",)}, {"sources": "not printed"}),
        ({"sources": ("a" * 201,)}, {"sources": "more than 200"}),
        ({"sources": ("a",) * 101}, {"sources": "more than 100"}),
    ],
)
def test_every_problem_stands_at_its_field(values: Any, problem: dict[str, str]) -> None:
    found = problems_of(Rule(**values))
    assert found.keys() == problem.keys()
    for name, text in problem.items():
        assert text in found[name]


@pytest.mark.parametrize(("name", "bounds"), RANGES.items())
def test_numbers_have_bounds(name: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    for value in (None, least, most):
        assert not problems_of(msgspec.structs.replace(AS_DECLARED, **{name: value}))
    for value in (least - 1, most + 1, 10**30):
        found = problems_of(msgspec.structs.replace(AS_DECLARED, **{name: value}))
        assert found == {name: f"must be from {least} to {most}"}
