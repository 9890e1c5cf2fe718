"""Phrases as words and as grammars (bots.core.phrases)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core import phrases

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Pay my bill, please!", "pay my bill please"),
        ("I'd like gas & water", "i'd like gas and water"),
        ("I\u2019d like caf\u00e9", "i'd like cafe"),
        ("'quoted' well-known", "quoted well known"),
        ("7 days", "seven days"),
        ("13", "thirteen"),
        ("40", "forty"),
        ("21%", "twenty one percent"),
        ("100", "one hundred"),
        ("342", "three hundred forty two"),
        ("2,500", "two thousand five hundred"),
        ("120,000", "one hundred twenty thousand"),
        ("007", "zero zero seven"),
        ("0", "zero"),
        ("5550100", "five five five zero one zero zero"),
        ("\u043f\u0440\u0438\u0432\u0435\u0442", ""),
        ("...", ""),
    ],
)
def test_text_becomes_the_words_that_are_spoken(text: str, spoken: str) -> None:
    assert " ".join(phrases.words(text)) == spoken


@given(st.text(max_size=200))
def test_any_text_becomes_words_that_a_grammar_can_hold(text: str) -> None:
    for word in phrases.words(text):
        assert word.replace("'", "").isascii()
        assert word.replace("'", "").isalpha()
        assert phrases.words(word) == (word,)


def test_sentences_are_distinct_in_order_and_followed_by_the_built_in_pack() -> None:
    found = phrases.sentences(["Pay my bill", "pay my BILL!", "", "Move house"], built_in=True)
    assert found[:2] == (("pay", "my", "bill"), ("move", "house"))
    assert ("yes",) in found
    assert len(found) == len(set(found))


def test_sentences_without_the_pack_are_the_phrases_alone() -> None:
    assert phrases.sentences(["Yes", "yes."], built_in=False) == (("yes",),)


def test_too_many_phrases_and_too_many_words_are_cut() -> None:
    many = [f"number {n}" for n in range(phrases.MAX_SENTENCES + 5)]
    assert len(phrases.sentences(many, built_in=False)) == phrases.MAX_SENTENCES
    (long,) = phrases.sentences(["very " * 100], built_in=False)
    assert len(long) == phrases.MAX_WORDS


def test_words_that_the_dictionary_lacks_are_left_out_and_named_once() -> None:
    kept, missing = phrases.known_part(
        [("ask", "xyzzy"), ("xyzzy",), ("plugh", "ask", "xyzzy")], ["ask"]
    )
    assert kept == (("ask",),)
    assert missing == ("xyzzy", "plugh")


def test_the_closed_grammar_lists_the_phrases() -> None:
    assert phrases.phrase_grammar([("pay", "my", "bill"), ("yes",)]) == (
        "#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = pay my bill | yes;\n"
    )


def test_the_wrapped_grammar_demands_something_around_the_phrase() -> None:
    grammar = phrases.wrapped_grammar([("yes",)])
    assert (
        "public <utterance> = <lead> <phrase> | <phrase> <tail> | <lead> <phrase> <tail>;"
        in grammar
    )
    assert "<phrase> = yes;" in grammar
    assert "<tail> = please | thanks | thank you" in grammar
    assert "i'd like to" in grammar


def test_every_word_of_both_grammars_is_asked_of_the_dictionary() -> None:
    asked = phrases.grammar_words([("pay", "my", "bill")])
    assert {"pay", "bill", "please", "i'd", "thanks"} <= set(asked)
    assert list(asked) == sorted(asked)


@pytest.mark.parametrize(
    ("heard", "whole"),
    [
        ("pay my bill", True),
        ("i want to pay my bill", True),
        ("pay my bill please", True),
        ("i would like to pay my bill thank you", True),
        ("pay my", False),
        ("i want to", False),
        ("please", False),
        ("i want to pay my", False),
        ("", False),
    ],
)
def test_only_a_whole_phrase_bare_or_wrapped_is_a_result(heard: str, whole: bool) -> None:
    model = [("pay", "my", "bill")]
    assert phrases.matches(tuple(heard.split()), model) is whole


def test_a_phrase_shorter_than_lead_and_tail_together_does_not_match_twice() -> None:
    assert not phrases.matches(("please",), [("please", "please")])
