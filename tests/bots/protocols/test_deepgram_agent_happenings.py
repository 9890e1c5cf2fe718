"""What frames come to, each for itself."""

import pytest

from bots.core.errors import ProtocolError
from bots.core.ports import AgentReport
from bots.protocols.deepgram_agent import messages
from bots.protocols.deepgram_agent.happenings import (
    Asked,
    Confirmed,
    Updated,
    Withdrawn,
    asked,
    cut,
    function_response,
    updated,
    withdrawn,
)
from bots.protocols.deepgram_agent.history import Talk
from bots.protocols.deepgram_agent.messages import MAX_FUNCTIONS, FunctionCall

pytestmark = pytest.mark.pure


def test_arguments_are_read_from_their_text() -> None:
    call = FunctionCall(id="1", name="f", arguments='{"a": 1}', client_side=True)
    assert asked(call) == Asked(id="1", name="f", arguments={"a": 1})
    assert asked(FunctionCall(id="1", name="f")).arguments == {}


@pytest.mark.parametrize("text", ["[]", "7", "{", "\ud800", '"x"', "[" * 5000])
def test_arguments_that_are_no_object_are_a_problem(text: str) -> None:
    found = asked(FunctionCall(id="1", name="f", arguments=text))
    assert found.problem == "the arguments are no JSON object"
    assert found.arguments == {}


def test_calls_are_withdrawn_one_by_one_and_not_without_end() -> None:
    calls = tuple(FunctionCall(id=str(number), name="f") for number in range(1000))
    found = withdrawn(messages.FunctionCallCancelled(functions=calls))
    assert found[:2] == [
        AgentReport(name="function_cancelled", detail={"id": "0", "name": "f"}),
        Withdrawn("0"),
    ]
    assert len(found) == 2 * MAX_FUNCTIONS


@pytest.mark.parametrize(
    ("message", "kind", "report"),
    [
        (messages.ListenUpdated(), "UpdateListen", "listen_updated"),
        (messages.ThinkUpdated(), "UpdateThink", "think_updated"),
        (messages.SpeakUpdated(), "UpdateSpeak", "speak_updated"),
        (messages.PromptUpdated(), "UpdatePrompt", "prompt_updated"),
    ],
)
def test_each_change_is_confirmed_by_its_own_message(
    message: Updated, kind: str, report: str
) -> None:
    found = updated(message)
    assert [type(each) for each in found] == [AgentReport, Confirmed]
    assert isinstance(found[0], AgentReport)
    assert found[0].name == report
    assert found[1] == Confirmed(kind)


def test_what_a_function_of_the_server_came_to_is_text() -> None:
    told = messages.FunctionCallResponse(id=None, name="f", content={"a": [1]})
    assert function_response(told).detail == {"id": "", "name": "f", "content": '{"a":[1]}'}
    told = messages.FunctionCallResponse(id="1", name="f", content="done")
    assert function_response(told).detail == {"id": "1", "name": "f", "content": "done"}


def test_names_and_texts_have_a_bounded_length() -> None:
    long = "x" * 100_000
    call = asked(FunctionCall(id=long, name=long))
    assert (len(call.id), len(call.name)) == (200, 200)
    assert len(cut(long)) == 65_536


def test_what_is_nested_so_deeply_that_it_could_not_be_sent_on_is_left_out() -> None:
    deep = "[" * 900 + "]" * 900
    found = asked(FunctionCall(id="1", name="f", arguments=f'{{"a": {deep}}}'))
    assert found.problem == "the arguments are no JSON object"
    content: list[object] = []
    for _ in range(900):
        content = [content]
    report = function_response(messages.FunctionCallResponse(id="1", name="f", content=content))
    assert report.detail["content"] == ""
    assert Talk().entered(messages.History(function_calls=[{"a": content}])) is None


def test_a_frame_of_very_many_parts_is_refused_unread() -> None:
    frame = '{"type":"History","function_calls":[{"a":[' + "[]," * 200_000 + "0]}]}"
    with pytest.raises(ProtocolError, match="too many parts"):
        messages.decode(frame)
