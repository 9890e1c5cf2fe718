"""Chat mode without I/O: bodies, addresses, times, and what answers and failures mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.activities import event, message
from bots.core.errors import Fault, ProtocolError
from bots.protocols import ac_chat
from bots.protocols.ac_chat import (
    MAX_ACTIVITIES,
    Course,
    Created,
    Lease,
    Said,
    course,
    created,
    expiry_s,
    is_healthy,
    is_outcome_unknown,
    refresh_s,
    resolved,
    said,
)

pytestmark = pytest.mark.pure

BOT = "http://bot.example/webhooks/audiocodes/webhook?key=1"


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


# --- requests -----------------------------------------------------------------------------------


def test_requests_are_the_documented_bodies() -> None:
    activity = event("start", id="a1", timestamp="2026-01-05T10:00:00.120Z", parameters={"c": 1})
    assert json.loads(ac_chat.creating("c1", "billing")) == {
        "conversation": "c1",
        "bot": "billing",
        "capabilities": ["websocket"],
    }
    assert json.loads(ac_chat.telling("c1", activity)) == {
        "conversation": "c1",
        "activities": [
            {
                "type": "event",
                "id": "a1",
                "timestamp": "2026-01-05T10:00:00.120Z",
                "name": "start",
                "parameters": {"c": 1},
            }
        ],
    }
    assert json.loads(ac_chat.refreshing("c1")) == {"conversation": "c1"}
    assert json.loads(ac_chat.disconnecting("c1", "client-disconnected", "Client Side")) == {
        "conversation": "c1",
        "reason": "Client Side",
        "reasonCode": "client-disconnected",
    }


# --- the creation -------------------------------------------------------------------------------


def test_urls_are_taken_relative_to_that_of_the_bot() -> None:
    told = {
        "activitiesURL": "conversation/c1/activities?sig=a%26b",
        "refreshURL": "/keepalive/c1",
        "disconnectURL": "https://other.example/bye",
        "websocketURL": "ws://bot.example/socket",
        "expiresSeconds": 120,
    }
    assert created(body(told), BOT) == Created(
        activities_url="http://bot.example/webhooks/audiocodes/conversation/c1/activities?sig=a%26b",
        refresh_url="http://bot.example/keepalive/c1",
        disconnect_url="https://other.example/bye",
        websocket_url="ws://bot.example/socket",
        expires_s=120,
    )


def test_only_the_place_for_activities_is_needed() -> None:
    told = {"activitiesURL": "a", "refreshURL": None, "disconnectURL": ""}
    assert created(body(told), "http://bot.example/") == Created(
        activities_url="http://bot.example/a", expires_s=ac_chat.ASSUMED_EXPIRY_S
    )


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", "no JSON object"),
        (b"<html>", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b'{"a":"\\ud800"}', "no JSON object"),
        (body({"refreshURL": "r"}), "has no activitiesURL"),
        (body({"activitiesURL": 7}), "activitiesURL is no URL"),
        (body({"activitiesURL": "x" * 5000}), "activitiesURL is no URL"),
        (body({"activitiesURL": "ftp://bot.example/"}), "no URL of a web server"),
        (body({"activitiesURL": "http://[x/"}), "activitiesURL is a malformed URL"),
        (body({"activitiesURL": "a", "websocketURL": {}}), "websocketURL is no URL"),
    ],
)
def test_a_creation_that_leads_nowhere_is_refused(answer: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        created(answer, BOT)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (30, 30.0),
        ("45", 45.0),
        (0.5, 0.5),
        (0, 60.0),
        (-1, 60.0),
        ("soon", 60.0),
        (None, 60.0),
        (True, 60.0),
        ([], 60.0),
        (10**400, 60.0),
    ],
)
def test_a_life_time_is_taken_in_any_form(told: object, seconds: float) -> None:
    assert created(body({"activitiesURL": "a", "expiresSeconds": told}), BOT).expires_s == seconds


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("http://bot.example/a", "https://bot.example:8443/a"),
        ("http://bot.example:80/a", "https://bot.example:8443/a"),
        ("http://bot.example:9000/a", "https://bot.example:9000/a"),
        ("ws://bot.example/a", "wss://bot.example:8443/a"),
        ("https://bot.example/a", "https://bot.example/a"),
        ("https://other.example/a", "https://other.example/a"),
        ("a", "https://bot.example:8443/a"),
    ],
)
def test_a_bot_behind_a_proxy_that_does_tls_is_reached_with_tls(told: str, meant: str) -> None:
    assert resolved("https://bot.example:8443/bot", told, "activitiesURL") == meant


def test_the_token_does_not_go_to_another_host_in_the_clear() -> None:
    with pytest.raises(ProtocolError, match="refreshURL leads to another host without TLS"):
        resolved("https://bot.example/", "http://other.example/", "refreshURL")


# --- what is said -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b'{"activities":[]}', b'{"activities":null}', b'{"success":true}']
)
def test_a_bot_may_have_nothing_to_say(answer: bytes) -> None:
    assert said(answer) == Said()


def test_activities_come_in_order_and_are_taken_as_they_come() -> None:
    found = said(
        body(
            {
                "conversation": "another",
                "activities": [
                    {"type": "message", "text": "Hi", "delay": 3, "id": 7},
                    {"type": "Event", "name": "hangup"},
                ],
            }
        )
    )
    assert found.problems == ()
    first, second = found.activities
    assert (first, second.event) == (message("Hi"), "hangup")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"<html>", "The bot's answer is no JSON object"),
        (b"7", "The bot's answer is no JSON object"),
        (b'{"activities":{"type":"message"}}', "The bot's activities are no list"),
        (b'{"activities":["hi"]}', "The bot sent something that is no activity"),
        (b'{"activities":[{"text":"hi"}]}', "The bot sent something that is no activity"),
    ],
)
def test_what_cannot_be_read_is_noted(answer: bytes, problem: str) -> None:
    found = said(answer)
    assert found.activities == ()
    assert [each[: len(problem)] for each in found.problems] == [problem]


def test_one_bad_activity_costs_the_others_nothing() -> None:
    found = said(body({"activities": [{"type": "message", "text": "Hi"}, 7, {"type": "event"}]}))
    assert [each.kind for each in found.activities] == ["message", "event"]
    assert len(found.problems) == 1


def test_too_many_activities_are_cut() -> None:
    many = [{"type": "message", "text": str(n)} for n in range(MAX_ACTIVITIES + 1)]
    found = said(body({"activities": many}))
    assert len(found.activities) == MAX_ACTIVITIES
    assert found.problems == (f"The bot sent more than {MAX_ACTIVITIES} activities at once",)


def test_a_message_of_another_conversation_on_the_socket_is_not_taken() -> None:
    told = {"activities": [{"type": "message", "text": "Hi"}]}
    assert said(body(told), "c1").activities == (message("Hi"),)
    assert said(body({**told, "conversation": "c1"}), "c1").activities == (message("Hi"),)
    other = said(body({**told, "conversation": "c2"}), "c1")
    assert other == Said(problems=("The bot sent a message of another conversation",))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_json_breaks_the_reading(value: Any) -> None:
    said(body({"activities": value}))
    said(body({"activities": [value]}))
    expiry_s(body({"expiresSeconds": value}))


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [(b'{"type":"ac-bot-api","success":true}', True), (b'{"status":"ok"}', False), (b"", False)],
)
def test_a_healthy_bot_says_so(answer: bytes, healthy: bool) -> None:
    assert is_healthy(answer) is healthy


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "next_"),
    [
        (Fault.AUTHENTICATION, Course.RENEW),
        (Fault.NOT_FOUND, Course.LOST),
        (Fault.SERVER, Course.AGAIN),
        (Fault.TIMEOUT, Course.AGAIN),
        (Fault.CONNECTIVITY, Course.AGAIN),
        (Fault.RATE_LIMIT, Course.AGAIN),
        (Fault.INVALID_REQUEST, Course.FAIL),
        (Fault.AUTHORIZATION, Course.FAIL),
        (Fault.PROTOCOL, Course.FAIL),
    ],
)
def test_what_follows_on_a_failure_is_as_tabled(fault: Fault, next_: Course) -> None:
    assert course(fault) is next_


def test_a_creation_may_have_happened_unless_it_was_not_sent_or_refused() -> None:
    assert is_outcome_unknown(Fault.TIMEOUT, sent=True)
    assert is_outcome_unknown(Fault.SERVER, sent=True)
    assert not is_outcome_unknown(Fault.CONNECTIVITY, sent=False)
    assert not is_outcome_unknown(Fault.RATE_LIMIT, sent=True)
    assert not is_outcome_unknown(Fault.INVALID_REQUEST, sent=True)


# --- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expires", "every"),
    [
        (120, 60),
        (60, 30),
        (30, 15),
        (16, 6),
        (10, 5),
        (1, 5),
        (100_000, 3600),
        (float("inf"), 3600),
    ],
)
def test_a_conversation_is_refreshed_in_good_time(expires: float, every: float) -> None:
    assert refresh_s(expires) == every


def test_every_refresh_sets_the_next_and_maybe_a_new_period() -> None:
    lease = Lease(60, now=100)
    assert lease.refresh_at == 130
    lease.refreshed(None, now=131)
    assert lease.refresh_at == 161
    lease.refreshed(30, now=161)
    assert lease.refresh_at == 176


def test_other_requests_keep_it_alive_but_are_no_refresh() -> None:
    lease = Lease(60, now=0)
    lease.heard(50)
    assert lease.refresh_at == 30
    assert not lease.is_over(109)
    assert lease.is_over(110)
    lease.heard(20)
    assert not lease.is_over(109)


def test_a_refresh_that_fails_is_tried_again_soon() -> None:
    lease = Lease(60, now=0)
    lease.failed(30)
    assert lease.refresh_at == 35
    assert not lease.is_over(35)


def test_an_answer_of_very_many_parts_is_refused_unread() -> None:
    body = b'{"activities":[' + b"[]," * 200_000 + b"0]}"
    assert ac_chat.said(body).problems == ("The bot's answer is no JSON object",)
