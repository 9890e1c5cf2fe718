"""The talk so far: what another session is begun with."""

import pytest

from bots.protocols.deepgram_agent.history import MAX_CHARACTERS, MAX_ENTRIES, Talk
from bots.protocols.deepgram_agent.messages import History

pytestmark = pytest.mark.pure


def test_what_the_server_reports_is_what_it_is_told_again() -> None:
    talk = Talk()
    talk.said("user", "the line itself")
    said = talk.entered(History(role="user", content="the line itself"))
    calls = [{"id": "1", "name": "f", "thought_signature": "s"}]
    called = talk.entered(History(function_calls=calls))
    assert talk.entries() == [said, called]
    assert said == {"type": "History", "role": "user", "content": "the line itself"}
    assert called == {"type": "History", "function_calls": calls}


def test_lines_stand_in_where_the_server_reports_nothing() -> None:
    talk = Talk()
    talk.said("assistant", "Hello.")
    talk.said("user", "")
    assert talk.entries() == [{"type": "History", "role": "assistant", "content": "Hello."}]


def test_what_nobody_has_answered_is_said_again() -> None:
    talk = Talk()
    assert talk.resumed() == ([], "")
    talk.said("assistant", "Hello.")
    assert talk.resumed() == (talk.entries(), "")
    talk.said("user", "my question")
    assert talk.resumed() == (talk.entries()[:1], "my question")
    talk.entered(History(function_calls=[{"id": "1"}]))
    assert talk.resumed() == (talk.entries(), "")


@pytest.mark.parametrize(
    "empty",
    [History(), History(role="system", content="x"), History(role="user", content="")],
)
def test_an_entry_without_content_is_none(empty: History) -> None:
    talk = Talk()
    assert talk.entered(empty) is None
    assert talk.entries() == []


def test_the_oldest_entries_are_forgotten() -> None:
    talk = Talk()
    for number in range(MAX_ENTRIES + 3):
        talk.said("user", str(number))
    assert [entry["content"] for entry in talk.entries()][:1] == ["3"]
    assert len(talk.entries()) == MAX_ENTRIES
    for number in range(3):
        talk.said("user", str(number) + "x" * (MAX_CHARACTERS // 3))
    assert [entry["content"][0] for entry in talk.entries()] == ["1", "2"]
