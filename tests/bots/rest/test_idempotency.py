"""A POST that is sent again."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import RequestFactory

from bots.models import ApiClient, Bot, IdempotentAnswer
from bots.rest.idempotency import KEPT, Reply, answered_once, forget_answers
from bots.rest.problems import Problem
from bots.services.clients import api_client_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db: None) -> ApiClient:
    return api_client_create(name="crm", scopes=["bots:write"])[0]


def post(key: str | None, body: Any = None, path: str = "/api/v1/bots") -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return RequestFactory().post(
        path, json.dumps(body), content_type="application/json", headers=headers
    )


class Action:
    """Makes a bot and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Reply:
        self.times += 1
        Bot.objects.create(name=f"made-{self.times}")
        return Reply(201, {"number": self.times})


def test_the_same_key_does_nothing_again_and_has_the_same_answer(client: ApiClient) -> None:
    action = Action()
    first = answered_once(post("a", {"x": 1}), client, action)
    again = answered_once(post("a", {"x": 1}), client, action)
    quoted = answered_once(post('"a"', {"x": 1}), client, action)
    assert first == again == quoted == Reply(201, {"number": 1})
    assert action.times == 1


def test_another_key_path_client_or_no_key_does_it_again(client: ApiClient) -> None:
    action = Action()
    other = api_client_create(name="other", scopes=["bots:write"])[0]
    for who, request in (
        (client, post("a")),
        (client, post("b")),
        (client, post("a", path="/api/v1/bots/x/clone")),
        (other, post("a")),
        (client, post(None)),
        (client, post(None)),
    ):
        answered_once(request, who, action)
    assert action.times == 6


def test_the_same_key_with_another_body_is_refused(client: ApiClient) -> None:
    answered_once(post("a", {"x": 1}), client, Action())
    with pytest.raises(Problem) as caught:
        answered_once(post("a", {"x": 2}), client, Action())
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


def test_what_failed_left_nothing_behind_and_may_be_tried_again(client: ApiClient) -> None:
    def fails() -> Reply:
        Bot.objects.create(name="half")
        raise Problem(422)

    with pytest.raises(Problem):
        answered_once(post("a"), client, fails)
    assert not Bot.objects.exists()
    assert answered_once(post("a"), client, Action()).status == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 201, '"a b"'])
def test_a_malformed_key_is_refused(client: ApiClient, key: str) -> None:
    with pytest.raises(Problem) as caught:
        answered_once(post(key), client, Action())
    assert caught.value.status == 400


def test_after_a_day_a_key_is_free_again(client: ApiClient) -> None:
    action = Action()
    answered_once(post("a"), client, action)
    row = IdempotentAnswer.objects.get()
    row.created_at -= KEPT + timedelta(seconds=1)
    row.save()
    answered_once(post("a"), client, action)
    assert action.times == 2
    IdempotentAnswer.objects.update(created_at=row.created_at)
    assert (forget_answers(), forget_answers()) == (1, 0)


def test_an_answer_keeps_neither_body_nor_address(client: ApiClient) -> None:
    answered_once(post("a", {"password": "hush"}, "/api/v1/bots/secret"), client, Action())
    row = IdempotentAnswer.objects.values().get()
    assert "hush" not in str(row)
    assert "secret" not in str(row)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_acts(client: ApiClient) -> None:
    action, under_way, told = Action(), threading.Event(), threading.Event()
    answers: list[Reply | Problem] = []

    def slow() -> Reply:
        reply = action()
        under_way.set()
        told.wait(20)
        return reply

    def ask(act: Any) -> None:
        try:
            answers.append(answered_once(post("a"), client, act))
        except Problem as problem:
            answers.append(problem)
        finally:
            connection.close()

    first = threading.Thread(target=ask, args=(slow,))
    first.start()
    assert under_way.wait(20)
    second = threading.Thread(target=ask, args=(action,))
    second.start()
    if connection.vendor == "postgresql":  # SQLite lets the second wait for the first
        second.join(20)
    told.set()
    first.join(20)
    second.join(20)
    assert action.times == 1
    kept, other = sorted(answers, key=lambda each: isinstance(each, Problem))
    assert kept == Reply(201, {"number": 1})
    assert other == kept or (isinstance(other, Problem) and other.status == 409)
    with transaction.atomic():
        assert answered_once(post("a"), client, action) == kept
