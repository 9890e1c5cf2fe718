"""The page of a bot's conformance runs."""

import pytest
from celery import current_app
from django.test import Client
from django.utils.timezone import now

from bots.conformance import Finding, Grade, Line, Report
from bots.models import Bot, ConformanceRun
from bots.services import bot_create, provider_create
from tests.worlds import browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]

PAGE = "/bots/door/conformance/"


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *_, **__: None)


@pytest.fixture
def bot() -> Bot:
    provider = provider_create(name="script", kind="bot", plugin="script", params={})
    return bot_create(name="door", provider=provider, author="otto")


@pytest.fixture
def operator(bot: Bot) -> Client:
    return browser(with_role("operator"))


def finished(bot: Bot, *findings: Finding, trace: tuple[Line, ...] = ()) -> ConformanceRun:
    report = Report(bot=bot.name, plugin="script", ms=900, findings=findings, trace=trace, lost=2)
    return ConformanceRun.objects.create(
        bot=bot,
        revision=1,
        asked_by="otto",
        asked_at=now(),
        finished_at=now(),
        state="finished",
        grade=report.grade,
        report=report.stored(),
    )


def text(client: Client, url: str = PAGE) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_bot_that_was_never_checked_teaches_what_a_check_is(operator: Client) -> None:
    said = text(operator)
    assert "This bot has not been checked yet" in said
    assert "manage.py botcheck door" in said


def test_a_check_is_asked_for_and_followed(operator: Client, bot: Bot) -> None:
    answer = operator.post(PAGE)
    run = ConformanceRun.objects.get(bot=bot)
    assert (answer.status_code, answer["Location"]) == (302, f"{PAGE}{run.pk}/")
    assert run.asked_by == "operator"
    said = text(operator, f"{PAGE}{run.pk}/")
    assert 'hx-trigger="every 1s"' in said
    assert "The bot is being checked." in said


def test_a_second_check_meanwhile_is_refused_in_words(operator: Client) -> None:
    operator.post(PAGE)
    said = operator.post(PAGE, follow=True).content.decode()
    assert "this bot is being checked at this moment" in said
    assert ConformanceRun.objects.count() == 1


def test_the_report_shows_findings_facts_and_messages(operator: Client, bot: Bot) -> None:
    hostile = "<script>alert(1)</script>"
    finished(
        bot,
        Finding(check="join", grade=Grade.OK, facts={"delay": "3 ms"}),
        Finding(check="markup", grade=Grade.WARNING, detail=hostile),
        Finding(check="tls", grade=Grade.FAILED, detail="expired"),
        Finding(check="oauth", grade=Grade.SKIPPED, detail="not configured"),
        Finding(check="resume", grade=Grade.INFORMATION, detail="no resume"),
        trace=(
            Line(5, "from bot", "markup", hostile),
            Line(4, "to bot", "markup", "{}"),
            Line(6, "note", "markup", "odd"),
        ),
    )
    said = text(operator)
    for words in ("delay 3 ms", "expired", "no resume", "Escape &amp; and &lt;", "3 messages"):
        assert words in said
    assert hostile not in said
    assert "2 more messages were exchanged" in said
    assert "hx-trigger" not in said.partition('id="run"')[2].partition(">")[0]


def test_earlier_runs_are_listed_and_opened(operator: Client, bot: Bot) -> None:
    first = finished(bot, Finding(check="join", grade=Grade.FAILED, detail="the first"))
    finished(bot, Finding(check="join", grade=Grade.OK, detail="the second"))
    assert "the second" in text(operator)
    assert "the first" in text(operator, f"{PAGE}{first.pk}/")


def test_a_run_that_was_given_up_says_so(operator: Client, bot: Bot) -> None:
    ConformanceRun.objects.create(
        bot=bot, revision=1, asked_by="x", asked_at=now(), finished_at=now(), state="lost",
        only=["tls"],
    )  # fmt: skip
    said = text(operator)
    assert "did not come to its end" in said
    assert "Only these checks: tls" in said


def test_who_may_only_look_sees_a_button_that_says_why(bot: Bot) -> None:
    viewer = browser(with_role("viewer"))
    assert "disabled" in text(viewer).partition('class="ask"')[2].partition("</form>")[0]
    assert viewer.post(PAGE).status_code == 403
    assert not ConformanceRun.objects.exists()


def test_base_bots_and_other_bots_runs_have_no_page(operator: Client, bot: Bot) -> None:
    base = bot_create(name="base", is_base=True, author="otto")
    other = bot_create(name="other", provider=bot.provider, author="otto")
    run = finished(other)
    assert operator.get("/bots/base/conformance/").status_code == 404
    assert operator.get(f"{PAGE}{run.pk}/").status_code == 404
    assert "conformance/" not in text(operator, f"/bots/{base.name}/")
