"""Conformance runs by the API."""

from typing import Any

import pytest
from celery import current_app
from django.utils.timezone import now

from bots.models import Bot, ConformanceRun
from bots.services import bot_create, provider_create
from bots.services.conformance import carry_out
from tests.bots.api.conftest import Api, MakeApi
from tests.bots.conformance.examining import QUICK

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def bot() -> Bot:
    provider = provider_create(name="script", kind="bot", plugin="script", params={})
    return bot_create(name="door", provider=provider, author="otto")


def test_a_check_is_asked_for_and_its_report_read(api: Api, bot: Bot) -> None:
    begun = api.ask("POST", "/bots/door/checks", {})
    assert begun.status_code == 202
    told: Any = begun.json()
    assert begun["Location"] == f"/api/v1/bots/door/checks/{told['id']}"
    assert (told["state"], told["grade"], told["findings"]) == ("waiting", None, [])
    assert told["askedBy"] == "client crm"
    carry_out(told["id"], QUICK)
    report = api.get(f"/bots/door/checks/{told['id']}").json()
    assert (report["state"], report["grade"]) == ("finished", "ok")
    (join,) = (each for each in report["findings"] if each["check"] == "join")
    assert (join["grade"], join["group"]) == ("ok", "Conversation")
    assert any(line["way"] == "to bot" for line in report["trace"])


def test_single_checks_are_named(api: Api, bot: Bot) -> None:
    begun = api.ask("POST", "/bots/door/checks", {"only": ["dialogue"]})
    assert ConformanceRun.objects.get(pk=begun.json()["id"]).only == ["dialogue"]
    wrong = api.ask("POST", "/bots/door/checks", {"only": ["nonsense"]})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "only"


def test_a_bot_that_is_being_checked_is_not_checked_again(api: Api, bot: Bot) -> None:
    api.ask("POST", "/bots/door/checks", {})
    refused = api.ask("POST", "/bots/door/checks", {})
    assert (refused.status_code, refused.json()["error"]) == (409, "not_now")


def test_a_report_belongs_to_its_bot(api: Api, make_api: MakeApi, bot: Bot) -> None:
    other = bot_create(name="other", base=None, provider=bot.provider, author="otto")
    run = ConformanceRun.objects.create(bot=other, revision=1, asked_by="x", asked_at=now())
    assert api.get(f"/bots/door/checks/{run.pk}").status_code == 404
    bound = make_api("bots:read", bots=["door"], name="bound")
    assert bound.get(f"/bots/other/checks/{run.pk}").status_code == 404
    assert bound.ask("POST", "/bots/door/checks", {}).status_code == 403
