"""What signing in leaves behind does not grow for ever."""

from datetime import timedelta

import pytest
from axes.models import AccessLog
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from bots import tasks
from bots.models import AuditEvent
from gateway_project.celery import app
from tests.worlds import World, browser

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_no_log_grows_beside_the_audit_log(world: World) -> None:
    client = Client()
    client.post("/login/", {"username": "viewer", "password": "viewer"})
    client.post("/logout/")
    assert AuditEvent.objects.count() == 2
    assert not AccessLog.objects.exists()


def test_sessions_that_have_expired_are_deleted(world: World) -> None:
    clients = [browser(world.admin) for _ in range(2)]
    keys = [client.session.session_key for client in clients]
    past = timezone.now() - timedelta(seconds=1)
    Session.objects.filter(pk=keys[0]).update(expire_date=past)
    tasks.clear_expired_sessions()
    assert [row.pk for row in Session.objects.all()] == keys[1:]
    entry = app.conf.beat_schedule["clear-expired-sessions"]
    assert entry["task"] == tasks.clear_expired_sessions.name
