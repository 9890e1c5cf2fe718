"""The people, and one object of every kind that a URL can name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from alarms.models import ActiveAlarm, Destination, Notification
from bots.core.roles import Permission, granted
from bots.deliveries.outbox import put
from bots.models import ApiClient, Bot, ConformanceRun, Delivery, Provider, Route
from bots.people import person
from bots.services.traces import record_revision
from calls.models import Call, Dialout
from tests.worlds import World, with_role

URL = "https://crm.example/hook"


class Things(msgspec.Struct, frozen=True):
    """One object of every kind: the bot ``retail``, what it uses, and a call to it."""

    bot: Bot
    call: Call
    dialout: Dialout
    provider: Provider
    route: Route
    someone: User
    """Reaches every bot; nobody of the world."""
    client: ApiClient
    delivery: Delivery
    run: ConformanceRun
    alarm: ActiveAlarm
    """Of the bot."""
    notice: Notification
    """To the destination of alarms ``pager``."""
    outsider: User
    """May do everything, but only with the bot ``elsewhere``."""

    def arguments(self, name: str, names: list[str]) -> dict[str, Any]:
        """What the URL called ``name`` is given for its parameters."""
        room = name.partition(":")[0]
        known = {
            "name": {"providers": self.provider.name, "alarms": self.alarm.type}.get(
                room, self.bot.name
            ),
            "bot": self.bot.name,
            "number": 1,
            "key": self.route.pk,
            "user_id": self.someone.pk,
            "client_key": self.client.pk,
            "delivery_id": self.delivery.pk,
            "destination_id": self.delivery.destination_id,
            "token_key": 1,
            "call_id": self.call.pk,
            "call": self.call.pk,
            "dialout_id": self.dialout.pk,
            "dialout": self.dialout.pk,
            "export_id": self.call.pk,
            "run_id": self.run.pk,
            "alarm_id": self.alarm.alarm_id,
            "destination": self.notice.destination.name,
            "notification_id": self.notice.pk,
            "view_id": 1,
            "token": "none",
            "uidb64": "none",
            "part": "tiles",
            "form": "txt",
        }
        if name == "providers:check_bot":
            known["name"] = self.bot.name
        if name == "calls:system_part":
            known["part"] = "live"
        return {parameter: known[parameter] for parameter in names}


def things(world: World) -> Things:
    """Everything, in the database."""
    provider = Provider.objects.create(name="voice-activity", kind="vad", plugin="webrtc")
    bot = Bot.objects.create(name="retail", vad_provider=provider)
    record_revision(bot, "admin", "")
    elsewhere = Bot.objects.create(name="elsewhere")
    call = Call.objects.create(
        conversation_id="c-1",
        state=Call.State.ENDED,
        channel="audiocodes",
        mode="voice",
        bot=bot,
        bot_name=bot.name,
        bot_revision=1,
        owner="web-1",
        started_at=now(),
        ended_at=now(),
        ended_by="caller",
        reason_code="client-disconnected",
        reason="The caller hung up",
        transcript_expires_at=now() + timedelta(days=1),
    )
    route = Route.objects.create(pattern="+1555*", bot=bot)
    someone = with_role("viewer", name="someone")
    outsider = with_role("administrator", name="outsider", bots=[elsewhere])
    delivery = put(stream="call:1", kind="call.ended", url=URL, body="{}", bot="retail", at=now())
    dialout = Dialout.objects.create(
        bot=bot,
        bot_name=bot.name,
        requested_by="admin",
        target="tel:+15550100",
        not_before=now(),
        not_after=now() + timedelta(hours=1),
        created_at=now(),
    )
    run = ConformanceRun.objects.create(bot=bot, revision=1, asked_by="admin", asked_at=now())
    alarm = ActiveAlarm.objects.create(
        type="botMisconfigured",
        source="bot:retail",
        severity=4,
        text="Bot retail takes no calls",
        raised_at=now(),
        changed_at=now(),
        last_at=now(),
    )
    notice = Notification.objects.create(
        destination=Destination.objects.create(name="pager", notifier="none"),
        seq=1,
        alarm_id=alarm.alarm_id,
        kind="raised",
        notice={},
        created_at=now(),
        next_attempt_at=now(),
    )
    return Things(
        bot=bot,
        call=call,
        dialout=dialout,
        provider=provider,
        route=route,
        someone=someone,
        client=world.dialer,
        delivery=delivery,
        run=run,
        alarm=alarm,
        notice=notice,
        outsider=outsider,
    )


def everyone(world: World) -> dict[str, User | AnonymousUser]:
    """Whom each URL is tried with."""
    return {
        **world.people,
        "superuser": world.admin,
        "newcomer": world.newcomer,
        "former": world.former,
        "stranger": world.stranger,
    }


def permissions(user: User | AnonymousUser) -> frozenset[Permission]:
    """What ``user`` may do by the table of roles, asked of no page."""
    if isinstance(user, User) and user.is_superuser:
        return granted(["administrator"])
    return person(user).permissions


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside has not happened afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _metrics_by_token(settings: Settings) -> None:
    """Without a token whoever is on this machine may read metrics, as these browsers are."""
    settings.METRICS_TOKEN = "a token"


@pytest.fixture
def these(world: World) -> Things:
    """The objects of one test."""
    return things(world)
