"""Asking for a conformance run, carrying it out, keeping what came of it; the command line."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from bots.conformance import Grade, report_of
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.models import AuditEvent, Bot, ConformanceRun
from bots.services import bot_create, provider_create
from bots.services.conformance import (
    KEPT,
    LOST_AFTER,
    MAX_AT_ONCE,
    TASK,
    carry_out,
    entered,
    request_run,
)
from bots.tasks import examine_bot
from tests.bots.conformance.examining import QUICK, grades

pytestmark = [pytest.mark.db, pytest.mark.django_db]

State = ConformanceRun.State


def made(name: str = "door") -> Bot:
    provider = provider_create(name=f"{name}-script", kind="bot", plugin="script", params={})
    return bot_create(name=name, provider=provider, author="otto")


@pytest.fixture
def bot() -> Bot:
    return made()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What the worker was asked to do; there is no broker here."""
    asked: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, words, **_: asked.append((name, words))
    )
    return asked


def ask(bot: Bot, *only: str) -> ConformanceRun:
    return entered(bot=bot, asked_by="otto", only=only)


def problem(bot: Bot, *only: str) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        ask(bot, *only)
    return refused.value.problems


# --- asking ---------------------------------------------------------------------------------------


def test_the_worker_is_asked_once_the_run_is_stored(
    bot: Bot,
    sent: list[tuple[str, list[str]]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run = request_run(bot=bot, asked_by="otto", only=("join",))
        assert sent == []
    assert sent == [(TASK, [str(run.pk)])]
    assert (run.state, run.revision, run.only, run.asked_by) == (State.WAITING, 1, ["join"], "otto")
    told = AuditEvent.objects.get(action=Action.BOT_EXAMINED)
    assert (told.title, told.after) == ("door", {"only": ["join"]})


def test_a_run_that_no_worker_can_be_asked_for_is_given_up_at_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(current_app, "send_task", fails)
    with django_capture_on_commit_callbacks(execute=True):
        run = request_run(bot=bot, asked_by="otto")
    run.refresh_from_db()
    assert run.state == State.LOST


def test_a_bot_is_checked_by_one_run_at_a_time(bot: Bot) -> None:
    ask(bot)
    assert problem(bot) == {"bot": "this bot is being checked at this moment"}
    with pytest.raises(IntegrityError), transaction.atomic():
        ConformanceRun.objects.create(bot=bot, revision=1, asked_by="x", asked_at=now())


def test_only_a_few_bots_are_checked_at_once() -> None:
    for number in range(MAX_AT_ONCE):
        ask(made(f"door-{number}"))
    assert "3 bots are being checked" in problem(made("late"))["bot"]


def test_a_run_whose_worker_is_gone_is_in_nobodys_way(bot: Bot) -> None:
    stuck = ask(bot)
    ConformanceRun.objects.update(asked_at=now() - LOST_AFTER - timedelta(seconds=1))
    ask(bot)
    stuck.refresh_from_db()
    assert stuck.state == State.LOST
    assert carry_out(str(stuck.pk)) is None


def test_what_cannot_be_checked_is_refused(bot: Bot) -> None:
    assert problem(bot, "tls", "nonsense") == {"only": "there is no check called nonsense"}
    base = bot_create(name="base", is_base=True, author="otto")
    assert "takes no calls" in problem(base)["bot"]


def test_the_latest_runs_of_each_bot_are_kept(bot: Bot) -> None:
    other = ask(made("other"))
    for _ in range(KEPT + 2):
        run = ask(bot)
        ConformanceRun.objects.filter(pk=run.pk).update(state=State.FINISHED, finished_at=now())
    kept = ConformanceRun.objects.filter(bot=bot)
    assert kept.count() == KEPT
    assert kept[0].pk == run.pk
    assert ConformanceRun.objects.filter(pk=other.pk).exists()


# --- carrying out ---------------------------------------------------------------------------------


def test_a_run_is_carried_out_once_and_its_report_is_kept(bot: Bot) -> None:
    run = ask(bot)
    report = carry_out(str(run.pk), QUICK)
    assert report is not None
    assert carry_out(str(run.pk), QUICK) is None
    run.refresh_from_db()
    assert (run.state, run.grade) == (State.FINISHED, "ok")
    assert run.finished_at is not None
    assert run.report is not None
    assert report_of(run.report) == report
    assert grades(report)["greeting"] is Grade.OK


def test_only_the_checks_that_were_asked_for_are_graded(bot: Bot) -> None:
    report = carry_out(str(ask(bot, "dialogue").pk), QUICK)
    assert report is not None
    assert grades(report) == {"dialogue": Grade.OK}


def test_a_bot_that_does_not_work_has_a_report_that_says_so(bot: Bot) -> None:
    Bot.objects.update(enabled=False)
    run = ask(bot)
    report = carry_out(str(run.pk), QUICK)
    assert report is not None
    assert grades(report) == {"configuration": Grade.FAILED}
    assert "takes no calls" in report.findings[0].detail
    run.refresh_from_db()
    assert run.grade == "failed"


def test_a_run_that_breaks_is_given_up(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    from bots.services import conformance

    def breaks(_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(conformance, "_subject", breaks)
    run = ask(bot)
    with pytest.raises(RuntimeError):
        carry_out(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.LOST


def test_the_task_leaves_a_run_alone_that_somebody_else_has_done(bot: Bot) -> None:
    run = ask(bot)
    ConformanceRun.objects.update(state=State.RUNNING)
    examine_bot(str(run.pk))
    run.refresh_from_db()
    assert run.state == State.RUNNING


# --- the command ----------------------------------------------------------------------------------


def command(*words: str) -> tuple[str, int]:
    output = StringIO()
    try:
        call_command("botcheck", *words, stdout=output)
    except SystemExit as error:
        return output.getvalue(), int(str(error.code))
    return output.getvalue(), 0


def test_the_command_prints_the_report(bot: Bot) -> None:
    said, code = command("door", "--only", "dialogue")
    assert code == 0
    assert "ok           Dialogue  [dialogue]" in said
    assert "door: ok (1 ok) in " in said
    assert ConformanceRun.objects.get().asked_by == "command line"


def test_a_failed_check_tells_the_fix_and_fails_the_command(bot: Bot) -> None:
    Bot.objects.update(enabled=False)
    said, code = command("door")
    assert code == 1
    assert "failed       Configuration" in said
    assert "Correct what is named" in said


def test_the_command_gives_programs_everything(bot: Bot) -> None:
    said, code = command("door", "--json", "--only", "configuration")
    told = json.loads(said)
    assert (code, told["grade"], told["bot"]) == (0, "ok", "door")
    assert told["findings"][0]["facts"] == {"framework": "Script"}


def test_the_trace_can_be_printed(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = command("door", "--trace", "--only", "join")
    assert 'note      "joining the conversation' in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "there is no bot named 'nowhere'"),
        (("door", "--only", "nonsense"), "there is no check called nonsense"),
    ],
)
def test_what_cannot_be_done_is_named(bot: Bot, words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        command(*words)
