"""Requests and tasks are named on every line and, requests, in their answers."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from celery import shared_task
from django.http import HttpRequest, HttpResponse
from django.test import Client

from gateway_project import celery as _celery  # noqa: F401 - connects the signals
from gateway_project.numbering import REQUEST_ID, numbered
from tests.logged import Written, written


@pytest.fixture
def lines() -> Iterator[Written]:
    with written() as stream:
        yield stream


@pytest.mark.parametrize("path", ["/livez", "/no-such-page", "/login/", "/api/v1/no-such-thing"])
def test_every_answer_has_the_id_of_its_request(db: None, client: Client, path: str) -> None:
    given = client.get(path, headers={REQUEST_ID: "mine-1.2_3"})
    assert given[REQUEST_ID] == "mine-1.2_3"
    numbers = {client.get(path)[REQUEST_ID] for _ in range(3)}
    assert len(numbers) == 3


@pytest.mark.parametrize("bad", ["", " ", "a b", "x" * 65, "a\tb", "<script>", "ä", "+4930123456"])
def test_an_id_that_is_not_sane_is_replaced(bad: str) -> None:
    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = bad
    answer = numbered(lambda _: HttpResponse())(request)
    assert answer[REQUEST_ID].isalnum()
    assert len(answer[REQUEST_ID]) == 24


def test_the_lines_of_a_request_bear_its_id_and_no_others(lines: Written) -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        structlog.get_logger("bots.views").info("page.shown")
        logging.getLogger("a_library").warning("shown")
        return HttpResponse()

    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = "mine"
    numbered(view)(request)
    structlog.get_logger("bots.views").info("page.over")
    *during, after = lines.lines()
    assert [line["http"]["request"]["id"] for line in during] == ["mine", "mine"]
    assert "http" not in after


def test_the_lines_of_a_task_bear_its_name_and_id(db: None, lines: Written) -> None:
    @shared_task(name="tests.say_something")  # type: ignore[untyped-decorator]  # no types
    def say_something() -> None:
        structlog.get_logger("bots.tasks").info("task.spoke")

    result: Any = say_something.apply(task_id="t-1")
    result.get()
    structlog.get_logger("bots.tasks").info("task.over")
    spoke, over = (line for line in lines.lines() if line["log"]["logger"] == "bots.tasks")
    assert spoke["gateway"]["task"] == {"id": "t-1", "name": "tests.say_something"}
    assert "gateway" not in over
