"""The utterances of the turn in hand."""

import pytest

from calls.core.continuous_asr import Collection, Recognised
from calls.core.events import CallerSaid
from calls.core.floor import Utterance

pytestmark = pytest.mark.pure


def recognised(text: str, at: float) -> Recognised:
    return Recognised(Utterance(at - 1), CallerSaid(text=text, final=True), at)


def test_everything_collected_is_taken_once_and_in_order() -> None:
    collection = Collection()
    assert not collection
    first, second = recognised("The door.", 2.0), recognised("The mirror.", 4.0)
    collection.add(first)
    collection.add(second)

    assert collection
    assert collection.began_at == 1.0
    assert collection.take() == [first, second]
    assert not collection
    assert collection.take() == []


def test_a_final_result_takes_the_place_of_the_interim_text() -> None:
    collection = Collection()
    collection.hypothesis = "the doo"
    collection.add(recognised("The door.", 2.0))

    assert collection.hypothesis == ""


def test_a_new_turn_knows_nothing_of_the_key_and_the_words_of_the_last() -> None:
    collection = Collection()
    collection.hypothesis, collection.submitted = "the doo", True
    collection.take()

    assert (collection.hypothesis, collection.submitted) == ("", False)
