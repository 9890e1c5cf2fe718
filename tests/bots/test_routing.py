"""Rules that lead calls to bots: deciding, explaining, finding conflicts."""

from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.core.routing import (
    Arrival,
    Conflict,
    Flaw,
    Miss,
    Rule,
    _matches,
    _overlap,
    candidates,
    conflicts,
    decide,
    normalised,
    ordered,
)

pytestmark = pytest.mark.pure


def rule(key: int, pattern: str = "*", *, priority: int = 100, **fields: Any) -> Rule:
    return Rule(key=key, priority=priority, bot=f"bot-{key}", pattern=pattern, **fields)


def misses(rules: list[Rule], called: str, host: str = "", **headers: str) -> dict[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    decision = decide(rules, Arrival(called=called, host=host, headers=named))
    return {each.rule.key: each.miss or "takes it" for each in decision.verdicts}


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("+4930123456", "+4930123456"),
        ("0049 (30) 123-456", "+4930123456"),
        ("+49 30/123.456", "+4930123456"),
        ("tel:+49-30-123456", "+4930123456"),
        ("tel:+4930123456;phone-context=example.com", "+4930123456"),
        ("sip:+4930123456@pbx.example.com;user=phone", "+4930123456"),
        ("SIPS:%2B4930123456@pbx.example.com", "+4930123456"),
        ("sip:4930123456;npdi@pbx.example.com:5060", "4930123456"),
        ("110", "110"),
        ("  42 ", "42"),
        ("sip:Reception@pbx.example.com", "reception"),
        ("", ""),
    ],
)
def test_numbers_are_compared_however_they_are_written(written: str, seen: str) -> None:
    assert normalised(written) == seen


def test_a_huge_address_is_cut() -> None:
    assert len(normalised("9" * 100_000)) == 320


def test_the_first_matching_rule_in_order_of_priority_takes_the_call() -> None:
    rules = [rule(1, "*"), rule(2, "+1555*", priority=20), rule(3, "+15550100", priority=10)]
    assert [each.key for each in ordered(rules)] == [3, 2, 1]
    assert misses(rules, "+15550100") == {3: "takes it", 2: Miss.EARLIER, 1: Miss.EARLIER}
    assert misses(rules, "+15559") == {3: Miss.NUMBER, 2: "takes it", 1: Miss.EARLIER}
    assert misses(rules, "+44") == {3: Miss.NUMBER, 2: Miss.NUMBER, 1: "takes it"}


def test_of_one_priority_the_older_rule_is_tried_first() -> None:
    assert misses([rule(8), rule(3)], "1") == {3: "takes it", 8: Miss.EARLIER}


def test_the_decision_names_the_number_as_the_rules_saw_it() -> None:
    decision = decide([], Arrival(called="001 555"))
    assert (decision.called, decision.winner, decision.verdicts) == ("+1555", None, ())


def test_a_prefix_stands_for_the_number_itself_too() -> None:
    assert misses([rule(1, "+1555*")], "+1555") == {1: "takes it"}


def test_each_reason_is_told() -> None:
    rules = [
        rule(1, enabled=False),
        rule(2, "+1555*"),
        rule(3, host="eu.example.com"),
        rule(4, header_name="X-Tenant"),
        rule(5, header_name="X-Tenant", header_value="retail*"),
    ]
    assert misses(rules, "+44", "us.example.com") == {
        1: Miss.DISABLED,
        2: Miss.NUMBER,
        3: Miss.HOST,
        4: Miss.HEADER_MISSING,
        5: Miss.HEADER_MISSING,
    }
    told = misses(rules, "+44", "EU.example.com:5060", x_tenant="wholesale")
    assert told[3] == "takes it"
    assert told[4] == Miss.EARLIER
    assert told[5] == Miss.HEADER_VALUE
    assert misses(rules[4:], "1", x_TENANT=" Retail-DE ") == {5: "takes it"}


@pytest.mark.parametrize(("called", "pattern"), [("15550100", "+1555*"), ("+15550100", "1555*")])
def test_a_number_that_differs_in_its_plus_only_is_told(called: str, pattern: str) -> None:
    assert misses([rule(1, pattern)], called) == {1: Miss.PLUS}


def test_what_is_no_number_lacks_no_plus() -> None:
    assert misses([rule(1, "+1555")], "reception") == {1: Miss.NUMBER}


@pytest.mark.parametrize(
    ("sent_to", "host"),
    [
        ("Edge.Example.com", "edge.example.com"),
        ("edge.example.com:5060", "*.example.com"),
        ("[2001:db8::1]:5060", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.0.0.7:5061", "10.*.7"),
    ],
)
def test_hosts_are_compared_without_port_and_case(sent_to: str, host: str) -> None:
    assert misses([rule(1, host=host)], "1", sent_to) == {1: "takes it"}


def test_candidates_are_all_patterns_that_can_match() -> None:
    assert candidates("+15") == ["+15", "*", "+*", "+1*", "+15*"]


# --- forms with * ---------------------------------------------------------------------------------

LETTERS = "ab"
forms = st.text(alphabet=LETTERS + "*", max_size=5)
TEXTS = ["".join(letters) for size in range(6) for letters in product(LETTERS, repeat=size)]


def matched_slowly(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(matched_slowly(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return text[:1] == pattern[0] and matched_slowly(pattern[1:], text[1:])


@given(forms, st.text(alphabet=LETTERS, max_size=6))
@example("*a*a", "a")
@example("a*a", "a")
@example("*ab*b", "ab")
def test_a_form_matches_what_it_should(pattern: str, text: str) -> None:
    assert _matches(pattern, text) == matched_slowly(pattern, text)


@given(forms, forms)
def test_a_form_that_matches_another_covers_it(wide: str, narrow: str) -> None:
    if _matches(wide, narrow):
        assert all(matched_slowly(wide, text) for text in TEXTS if matched_slowly(narrow, text))


@given(forms, forms)
def test_forms_overlap_when_some_text_has_both(one: str, other: str) -> None:
    # Of forms that short, two that share any text share a short one, or one made of both.
    shared = any(_matches(one, text) and _matches(other, text) for text in TEXTS)
    joined = one.replace("*", "") + other.replace("*", "")
    assert _overlap(one, other) == _overlap(other, one)
    if shared:
        assert _overlap(one, other)
    elif _overlap(one, other):
        longer = ["".join(each) for each in product(LETTERS, repeat=6)]
        longer += ["".join(each) for each in product(LETTERS, repeat=7)]
        longer += ["".join(each) for each in product(LETTERS, repeat=8)]
        assert len(joined) > 5
        assert any(_matches(one, text) and _matches(other, text) for text in longer)


def test_a_form_full_of_stars_takes_no_longer() -> None:
    assert not _matches("*a" * 100 + "b", "a" * 200)


# --- conflicts ------------------------------------------------------------------------------------


def told(rules: list[Rule]) -> list[tuple[int, int, Flaw]]:
    return [(each.rule.key, each.other.key, each.flaw) for each in conflicts(rules)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"pattern": "*"}, {"pattern": "+1555*"}),
        ({"pattern": "+1555*"}, {"pattern": "+1555*", "host": "a.example.com"}),
        ({"pattern": "+15*"}, {"pattern": "+15550100", "header_name": "X-A"}),
        ({"host": "*.example.com"}, {"host": "a.example.com"}),
        ({"header_name": "X-A"}, {"header_name": "x-a", "header_value": "1"}),
        (
            {"header_name": "X-A", "header_value": "r*"},
            {"header_name": "X-A", "header_value": "retail"},
        ),
    ],
)
def test_a_rule_behind_one_that_takes_all_its_calls_is_never_reached(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    rules = [rule(1, priority=10, **first), rule(2, priority=20, **second)]
    assert told(rules) == [(2, 1, Flaw.NEVER_REACHED)]
    reached = [rule(1, priority=20, **first), rule(2, priority=10, **second)]
    assert told(reached) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"pattern": "+1555*"}, {"pattern": "*"}),
        ({"host": "a.*"}, {"host": "*.com"}),
        ({"header_name": "X-A"}, {"header_name": "X-B"}),
        ({"header_name": "X-A"}, {}),
        (
            {"header_name": "X-A", "header_value": "re*"},
            {"header_name": "X-A", "header_value": "*ail"},
        ),
    ],
)
def test_rules_of_one_priority_that_share_calls_are_told(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert told([rule(1, **first), rule(2, **second)]) == [(2, 1, Flaw.SAME_PRIORITY)]
    assert told([rule(1, priority=1, **first), rule(2, priority=2, **second)]) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"pattern": "+1555*"}, {"pattern": "+1556*"}),
        ({"host": "a.example.com"}, {"host": "b.example.com"}),
        (
            {"header_name": "X-A", "header_value": "retail"},
            {"header_name": "X-A", "header_value": "wholesale"},
        ),
    ],
)
def test_rules_for_different_calls_may_share_a_priority(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert told([rule(1, **first), rule(2, **second)]) == []


def test_a_rule_that_is_off_is_in_nobodys_way() -> None:
    assert told([rule(1, priority=1, enabled=False), rule(2, priority=2)]) == []
    assert told([rule(1, priority=1), rule(2, priority=2, enabled=False)]) == []


def test_of_two_conflicts_of_a_rule_the_worse_is_told() -> None:
    rules = [rule(1, host="*.com"), rule(2, priority=50, host="a.*"), rule(3, host="a.example.com")]
    assert told(rules) == [(3, 2, Flaw.NEVER_REACHED)]
    shared = [rule(1, host="*.com"), rule(2, host="*.org"), rule(3, host="a.*"), rule(4)]
    assert told(shared)[-1] == (4, 1, Flaw.SAME_PRIORITY)


def test_a_conflict_names_both_rules() -> None:
    first, second = rule(1, priority=1), rule(2, priority=2)
    assert conflicts([second, first]) == [Conflict(second, first, Flaw.NEVER_REACHED)]


def test_conflicts_of_a_large_table_are_found_by_the_number_alone() -> None:
    rules = [rule(key, f"+1555{key:05}", priority=key) for key in range(3000)]
    assert told([*rules, rule(9999, "+155501*", priority=0)])[0] == (
        1000,
        9999,
        Flaw.NEVER_REACHED,
    )
