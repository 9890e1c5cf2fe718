"""Texts that attack a console, and rows that hold them wherever people or peers can put text.

`plant` runs inside a gateway's own shell; the texts must come out as they went in, as plain text.
"""

from datetime import timedelta
from uuid import UUID

TEXTS = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "<svg/onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "'-window.pwned=1-'",
    "</textarea></title><script>window.pwned=1</script>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<a href=javascript:window.pwned=1>press me</a>",
    "{{ 7|add:7 }} {% debug %}",
    "${window.pwned=1} `${window.pwned=1}`",
    "<div hx-get=/logout/ hx-trigger=load>",
    '=HYPERLINK("http://example.com","x")',
    "&lt;b&gt; &amp;amp;",
    "<!--<script>window.pwned=1//-->",
    "\u202egnp.exe \u0007 \x1b[31mred",
    "\U0001d573ello \U0001f469\u200d\U0001f467 \u0645\u0631\u062d \u05e9\u05dc\u05d5\u05dd",
    "a" * 300,
    "null\\u0000 \\x3cscript\\x3e",
)
"""What callers say, numbers and names hold, bots answer."""
CALL = UUID("11111111-2222-4333-8444-555555555555")

DIALOUT = UUID("11111111-2222-4333-8444-888888888888")
DELIVERY = UUID("11111111-2222-4333-8444-777777777777")
CLIENT = 4711
ALARM = UUID("11111111-2222-4333-8444-999999999999")
NOTICE = UUID("11111111-2222-4333-8444-aaaaaaaaaaaa")


def plant() -> None:
    """One of everything that a page shows, made of `TEXTS`; a table of rows, and for that long."""
    from django.contrib.auth.models import User
    from django.utils.timezone import now
    from oauth2_provider.models import AccessToken

    from bots.conformance import CHECKS, Finding, Grade, Line, Report
    from bots.core.auditing import Action
    from bots.models import (
        ApiClient,
        AuditEvent,
        Bot,
        ConformanceRun,
        Delivery,
        Destination,
        MintedToken,
        Provider,
        Route,
    )
    from calls.leases import renew_lease
    from calls.models import Call, CallEvent, Dialout, ServiceFault, TaskRun, TranscriptEntry

    bot = Bot.objects.create(
        name="hostile", display_name=TEXTS[1], base=Bot.objects.get(name="demo-base")
    )
    ConformanceRun.objects.create(
        bot=bot,
        revision=1,
        state="finished",
        grade="warning",
        asked_by=TEXTS[0][:150],
        asked_at=now(),
        finished_at=now(),
        report=Report(
            bot="hostile",
            plugin="script",
            findings=tuple(
                Finding(check=each.id, grade=Grade.WARNING, detail=text, facts={text: text})
                for each, text in zip(CHECKS, TEXTS, strict=False)
            ),
            trace=tuple(
                Line(5, "from bot", each.id, text)
                for each, text in zip(CHECKS, TEXTS, strict=False)
            ),
        ).stored(),
    )
    Route.objects.create(pattern="+1666*", bot=bot, note=TEXTS[0], host=TEXTS[2])
    provider = Provider.objects.create(
        name="hostile",
        kind="tts",
        plugin="rehearsal",
        tested_at=now(),
        test_result={
            "ok": False,
            "ms": 7,
            "steps": [{"name": "answer", "ms": 7, "ok": False, "facts": {}}],
            "fault": "authentication",
            "detail": TEXTS[1],
        },
    )
    for role in ("web", TEXTS[2][:10]):
        vitals = {"calls": 99, "most_calls": 7, "certificates": {TEXTS[1]: TEXTS[2]}, "rss_mb": 1e9}
        renew_lease(
            f"{role}{TEXTS[0]}"[:64], TEXTS[16][:200], 1, now(), role=role, version=TEXTS[1][:40],
            vitals=vitals,
        )  # fmt: skip
    TaskRun.objects.update_or_create(
        name="bots.tasks.forget_client_usage",
        defaults={"started_at": now(), "ended_at": now(), "problem": TEXTS[1]},
    )
    User.objects.create_user("hostile", email="h@example.com", first_name=TEXTS[0][:30])
    ended = now()
    call = Call.objects.create(
        id=CALL,
        conversation_id=TEXTS[0],
        state="ended",
        channel="audiocodes",
        mode="voice",
        bot=bot,
        bot_name=bot.name,
        bot_revision=1,
        caller=TEXTS[1],
        callee=TEXTS[2],
        owner="web",
        started_at=ended - timedelta(seconds=60),
        ended_at=ended,
        ended_by="gateway",
        reason_code="error",
        reason=TEXTS[5],
        cause="tts:timeout",
        faults=1,
        transcript_expires_at=ended + timedelta(days=1),
    )
    sides = ("caller", "bot", "operator")
    TranscriptEntry.objects.bulk_create(
        TranscriptEntry(
            call=call,
            seq=number,
            offset_ms=number * 1000,
            side=sides[number % 3],
            kind="speech",
            text=text,
        )
        for number, text in enumerate(TEXTS, 1)
    )
    CallEvent.objects.create(
        call=call, seq=1, offset_ms=5, source="bot", name=TEXTS[0][:64], detail={"text": TEXTS[1]}
    )
    ServiceFault.objects.create(
        at=ended, call=call, service="tts", provider="hostile", fault="timeout", detail=TEXTS[0]
    )
    AuditEvent.objects.create(
        actor=TEXTS[0],
        action=Action.BOT_CHANGED,
        kind="bot",
        target="hostile",
        title=TEXTS[1],
        before={"displayName": TEXTS[2]},
        after={"displayName": TEXTS[3]},
        message=TEXTS[5],
    )
    Dialout.objects.create(
        id=DIALOUT,
        bot=bot,
        bot_name=TEXTS[1],
        requested_by=TEXTS[0],
        target=TEXTS[16],
        caller=TEXTS[2],
        caller_host=TEXTS[4],
        caller_display_name=TEXTS[14],
        notify_origin=TEXTS[5],
        metadata={text: text for text in TEXTS},
        not_before=ended,
        not_after=ended,
        created_at=ended,
        placed_at=ended,
        ended_at=ended,
        state="failed",
        reason_code=TEXTS[8][:40],
        reason=TEXTS[0],
        machine="machine",
        carrier=TEXTS[2],
        carrier_call_id=TEXTS[9],
    )
    Delivery.objects.create(
        id=DELIVERY,
        stream=f"dialout:{DIALOUT}",
        seq=1,
        kind=TEXTS[0][:40],
        bot_name=TEXTS[1],
        destination=Destination.objects.create(
            origin=TEXTS[2], failures=5, open_until=ended, last_problem=TEXTS[0]
        ),
        shown_url=TEXTS[16],
        target={},
        body="\n".join(TEXTS),
        state="dead",
        created_at=ended,
        next_attempt_at=ended,
        finished_at=ended,
        last_problem=TEXTS[1],
    )
    client = ApiClient.objects.create(
        id=CLIENT,
        name=TEXTS[0],
        client_id=TEXTS[2],
        owner=TEXTS[1],
        notes=TEXTS[5],
        allowed_scopes=["bots:read", TEXTS[4]],
    )
    token = AccessToken.objects.create(
        application=client, token="hostile", scope=TEXTS[2], expires=ended + timedelta(days=9)
    )
    MintedToken.objects.create(token=token, name=TEXTS[1], author=TEXTS[2])
    _plant_alarm()
    assert provider.pk


def _plant_alarm() -> None:
    """An alarm, its story, and a notice that was given up."""
    from django.db import transaction
    from django.utils.timezone import now

    from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination, Notification
    from alarms.services.ledger import locked_ledger, write
    from bots import secrets
    from bots.core.params.resolve import Catalogue
    from bots.core.registry import plugin

    at = now()
    known = Catalogue((plugin("notifier", "webhook").credentials,))
    address = secrets.sealed(known, {"alarmWebhookUrl": f"http://{TEXTS[1]}"})
    about = {
        "alarm_id": ALARM,
        "type": "secretUnreadable",
        "source": f"secret:{TEXTS[1]}",
        "severity": 5,
        "text": TEXTS[0],
        "detail": TEXTS[2],
        "raised_at": at,
        "comment": TEXTS[3],
    }
    destination = Destination.objects.create(
        name="hostile", notifier=TEXTS[0][:40], enabled=False, last_problem=TEXTS[1]
    )
    with transaction.atomic():
        ledger = locked_ledger()
        ActiveAlarm.objects.create(
            **about,
            changed_at=at,
            last_at=at,
            acknowledged_at=at,
            acknowledged_by=TEXTS[4],
            silenced_until=at + timedelta(hours=1),
            silenced_by=TEXTS[5],
        )
        ledger.last_seq += 1
        AlarmEvent.objects.create(
            **about, seq=ledger.last_seq, kind="acknowledged", at=at, by=TEXTS[4]
        )
        write(ledger, [])
    Destination.objects.create(
        name="receiver",
        notifier="webhook",
        settings={"params": {}, "credentials": address},
        enabled=False,
        types=[TEXTS[0]],
        sources=list(TEXTS[:3]),
    )
    AlarmRule.objects.create(
        type="secretUnreadable",
        sources=["secret:*", *TEXTS[:3]],
        text=TEXTS[5],
        changed_at=at,
        changed_by=TEXTS[4],
    )
    Notification.objects.create(
        id=NOTICE,
        destination=destination,
        seq=1,
        alarm_id=ALARM,
        kind="raised",
        notice={"type": TEXTS[0], "source": TEXTS[1], "severity": TEXTS[2], "text": TEXTS[5]},
        state="dead",
        created_at=at,
        next_attempt_at=at,
        finished_at=at,
        last_problem=TEXTS[0],
    )
