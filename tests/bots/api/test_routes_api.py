"""Routes by REST."""

from typing import Any

import pytest

from bots.models import Bot, Route
from bots.routing import route_for
from bots.services import route_create
from tests.bots.api.conftest import READ, WRITE, Api, MakeApi
from tests.bots.api.test_bots_api import problem, wrong

pytestmark = pytest.mark.django_db


def patterns(response: Any) -> list[str]:
    return [each["pattern"] for each in response.json()["items"]]


def test_routes_come_in_the_order_in_which_they_are_tried(
    api: Api, route: Route, retail: Bot, travel: Bot
) -> None:
    route_create(pattern="*", bot=travel, priority=200)
    route_create(pattern="+49*", bot=travel, priority=50)
    assert patterns(api.get("/routes")) == ["+49*", "+1555*", "*"]
    assert patterns(api.get("/routes?bot=travel")) == ["+49*", "*"]
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = api.get(f"/routes?limit=1&after={after}")
        seen += patterns(page)
        after = page.json()["next"]
    assert seen == ["+49*", "+1555*", "*"]


def test_a_route_is_created_changed_and_deleted(api: Api, retail: Bot, travel: Bot) -> None:
    made = api.ask("POST", "/routes", {"bot": "retail", "pattern": "0049 (30) 1*", "priority": 7.0})
    assert (made.status_code, made["ETag"]) == (201, '"1"')
    shown = made.json()
    assert (shown["pattern"], shown["priority"]) == ("+49301*", 7)
    path = made["Location"].removeprefix("/api/v1")
    changed = api.ask("PATCH", path, {"bot": "travel"}, match=1)
    assert (changed.json()["bot"], changed["ETag"]) == ("travel", '"2"')
    assert route_for("+49301234") == travel
    replaced = api.ask("PUT", path, {"bot": "retail"}, match=2).json()
    assert (replaced["pattern"], replaced["priority"]) == ("*", 100)
    problem(api.ask("PUT", path, {"bot": "retail"}, match=2), 412)
    assert api.get(path, If_None_Match='"3"').status_code == 304
    assert api.ask("DELETE", path, match=3).status_code == 204
    problem(api.get(path), 404)


def test_wrong_fields_of_a_route_are_told_by_name(api: Api, route: Route, base: Bot) -> None:
    assert wrong(api.ask("POST", "/routes", {})).keys() == {"bot"}
    assert wrong(api.ask("POST", "/routes", {"bot": "nobody"})).keys() == {"bot"}
    assert wrong(api.ask("POST", "/routes", {"bot": "base"})).keys() == {"bot"}
    order: dict[str, Any] = {"bot": "retail", "pattern": "+1555*"}
    assert wrong(api.ask("POST", "/routes", order)).keys() == {"pattern"}
    order = {"bot": "retail", "headerValue": "blue"}
    assert wrong(api.ask("POST", "/routes", order)).keys() == {"headerName"}
    order = {"bot": "retail", "priority": 2**31}
    assert wrong(api.ask("POST", "/routes", order)).keys() == {"priority"}


def test_a_route_moves_before_another(api: Api, route: Route, travel: Bot) -> None:
    other = route_create(pattern="*", bot=travel)
    moved = api.ask("POST", f"/routes/{other.pk}/move", {"places": -1}, match=1)
    assert moved.status_code == 200
    assert patterns(api.get("/routes")) == ["*", "+1555*"]
    problem(api.ask("POST", f"/routes/{other.pk}/move", {"places": 1}), 428)
    problem(api.ask("POST", "/routes/999/move", {"places": 1}, match=1), 404)


def test_a_test_says_which_route_takes_a_call_and_why_the_others_do_not(
    api: Api, route: Route, travel: Bot
) -> None:
    route_create(pattern="*", bot=travel, priority=1, header_name="X-Tenant", header_value="b*")
    found = api.get("/routes/test?number=%2B1%20555%200100").json()
    assert (found["called"], found["route"], found["bot"]) == ("+15550100", route.pk, "retail")
    assert [each["miss"] for each in found["verdicts"]] == ["header-missing", None]
    found = api.get("/routes/test?number=15550100&header=x-tenant:%20blue").json()
    assert found["bot"] == "travel"
    assert found["verdicts"][1]["explanation"] == "Differs only in the leading +."
    assert wrong(api.get("/routes/test")).keys() == {"number"}


def test_a_client_of_one_bot_sees_only_routes_to_it_and_changes_none(
    make_api: MakeApi, route: Route, travel: Bot
) -> None:
    theirs = route_create(pattern="*", bot=travel, priority=1)
    narrow = make_api(READ, WRITE, bots=["retail"])
    assert patterns(narrow.get("/routes")) == ["+1555*"]
    problem(narrow.get(f"/routes/{theirs.pk}"), 404)
    problem(narrow.ask("DELETE", f"/routes/{theirs.pk}", match=1), 404)
    problem(narrow.ask("DELETE", f"/routes/{route.pk}", match=1), 403)
    problem(narrow.ask("POST", f"/routes/{route.pk}/move", {"places": 1}, match=1), 403)
    problem(narrow.ask("POST", "/routes", {"bot": "retail"}), 403)
    found = narrow.get("/routes/test?number=15550100").json()
    assert (found["route"], found["bot"], found["unseen"]) == (None, None, True)
    assert [each["bot"] for each in found["verdicts"]] == ["retail"]


def test_numbers_beyond_every_column_are_no_routes(api: Api, route: Route) -> None:
    problem(api.get(f"/routes/{2**63}"), 422)
    problem(api.get(f"/routes/{2**63 - 1}"), 404)
    problem(api.get("/routes/0"), 422)
    problem(api.get("/routes/one"), 404)
