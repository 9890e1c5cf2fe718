"""Server time of the console's pages with many records, on a PostgreSQL server of its own.

Fills 100,000 calls with 1,000,000 transcript entries and as many turns by statements of the
database, makes the summaries, and asks for each page several times as an administrator::

    .venv/bin/python -m benchmarks.console_pages [calls]

The figure that counts is the median; the goal is below 300 ms for each first page.
"""

import os
import statistics
import sys
import tempfile
import time

from cryptography.fernet import Fernet

from tests import servers

CALLS = 100_000
ENTRIES_PER_CALL = 10
ROUNDS = 5
WORDS_INDEX = "transcript_text_trigrams"
GOAL_MS = 300

PAGES = (
    "/",
    "/?range=24h",
    "/?range=7d",
    "/dashboard/tiles",
    "/dashboard/period?range=7d",
    "/live/",
    "/calls/",
    "/calls/?size=100",
    "/calls/?range=7d&result=failed",
    "/calls/?bot=bot-7",
    "/calls/?bot=bot-7&range=7d&result=failed&has=fault",
    "/calls/?number=4711",
    "/calls/?longer=300",
    "/calls/?slower=2900",
    "/calls/?has=dtmf&has=transfer",
    "/calls/?reason=stt:timeout",
    "/calls/?q=zebra",
    "/calls/?q=account",
    "/calls/?q=nowhere+to+be+found",
    "{older}",
    "{call}",
    "{call}?tab=record",
    "/bots/",
    "/providers/",
    "/routes/",
    "/people/",
    "/audit/",
)

CALL_ROWS = """
INSERT INTO calls_call (
    id, conversation_id, state, channel, mode, direction, is_test, bot_name, bot_revision, caller,
    callee, owner, started_at, ended_at, turns, silence_median_ms, silence_max_ms, faults, ended_by,
    reason_code, reason, cause, recordings, transcript_days, transcript_expires_at, frames_in,
    frames_dropped
)
SELECT gen_random_uuid(), 'conversation-' || n, CASE WHEN n <= 300 THEN 'active' ELSE 'ended' END,
    'audiocodes', 'voice', 'inbound', n %% 20 = 0, 'bot-' || n %% 50, 1,
    '+49151' || lpad((n * 7919 %% 10000000)::text, 7, '0'),
    '+4930990' || lpad((n %% 1000)::text, 3, '0'), 'process', now() - n * interval '6 seconds',
    CASE WHEN n > 300 THEN now() - (n * 6 - n %% 400) * interval '1 second' END,
    5, 900, n %% 3000, CASE WHEN n %% 14 = 0 THEN 1 ELSE 0 END,
    CASE WHEN n <= 300 THEN '' ELSE 'caller' END,
    CASE WHEN n <= 300 THEN '' WHEN n %% 14 = 0 THEN 'error' ELSE 'client-disconnected' END,
    'In words', CASE WHEN n > 300 AND n %% 14 = 0 THEN 'stt:timeout' ELSE '' END, '[]', 30,
    CASE WHEN n > 300 THEN now() + interval '30 days' END, 0, 0
FROM generate_series(1, %(calls)s) AS n
"""
ENTRY_ROWS = """
INSERT INTO calls_transcriptentry (call_id, seq, offset_ms, side, kind, text, full_text)
SELECT id, seq, seq * 2000, CASE WHEN seq %% 2 = 0 THEN 'bot' ELSE 'caller' END, 'speech',
    (ARRAY['I want to pay my bill', 'What is the balance of my account', 'Please transfer me',
           'Thank you and goodbye', 'One moment, I am looking it up'])[1 + seq %% 5]
    || ' ' || md5(id::text || seq)
    || CASE WHEN hashtext(id::text || seq) %% 5000 = 0 THEN ' zebra' ELSE '' END, ''
FROM calls_call, generate_series(1, %(entries)s) AS seq
"""
TURN_ROWS = """
INSERT INTO calls_turntiming (
    call_id, turn, kind, caller_stopped_ms, end_decided_ms, final_text_ms, sent_to_bot_ms,
    bot_answered_ms, audio_ready_ms, audio_sent_ms, playback_ended_ms
)
SELECT id, turn, CASE WHEN turn = 3 AND silence_max_ms %% 10 = 0 THEN 'dtmf' ELSE 'speech' END,
    turn * 9000, turn * 9000 + 400, turn * 9000 + 500, turn * 9000 + 500,
    turn * 9000 + 500 + silence_max_ms, turn * 9000 + 600 + silence_max_ms,
    turn * 9000 + 620 + silence_max_ms, turn * 9000 + 4000 + silence_max_ms
FROM calls_call, generate_series(1, %(entries)s) AS turn
"""


def fill(calls: int) -> None:
    """Write the records and make the summaries."""
    from django.db import connection
    from django.utils.timezone import now

    from bots.models import Bot, Provider, Route
    from calls.statistics import summarise

    provider = Provider.objects.create(name="script", kind="bot", plugin="script")
    bots = Bot.objects.bulk_create(Bot(name=f"bot-{n}", provider=provider) for n in range(50))
    Route.objects.bulk_create(Route(pattern=f"+4930990{n:03}", bot=bots[n]) for n in range(50))
    size = {"calls": calls, "entries": ENTRIES_PER_CALL}
    with connection.cursor() as cursor:
        # Filling an index row by row takes minutes.
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [WORDS_INDEX])
        (index,) = cursor.fetchone()
        cursor.execute(f"DROP INDEX {WORDS_INDEX}")
    for statement in (CALL_ROWS, ENTRY_ROWS, TURN_ROWS):
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute(statement, size)
            print(f"{cursor.rowcount:>10,} rows in {time.perf_counter() - began:.1f} s")
    with connection.cursor() as cursor:
        cursor.execute(index)
        cursor.execute("VACUUM ANALYZE")
    began = time.perf_counter()
    print(f"{summarise(now()):>10,} summaries in {time.perf_counter() - began:.1f} s")


def measure(calls: int) -> bool:
    """Print the time of each page; return whether all reach the goal."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from calls.models import Call

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin", password="admin"))
    middle = (
        Call.objects.filter(state="ended").order_by("-started_at", "id")[calls // 2 :][:1].get()
    )
    place = f"{middle.started_at:%Y-%m-%dT%H:%M:%S%z}~{middle.pk}~{calls // 2}"
    places = {
        "older": f"/calls/?at=after~{place}",
        "call": f"/calls/{middle.pk}/",
    }
    print(f"\n{'median':>8} {'worst':>8} {'own cpu':>8} {'queries':>8}  page")
    reached = True
    for template in PAGES:
        page = template.format(**places)
        took, worked = [], []
        for _ in range(ROUNDS):
            with CaptureQueriesContext(connection) as queries:
                began, busy = time.perf_counter(), time.process_time()
                response = client.get(page)
                worked.append(1000 * (time.process_time() - busy))
                took.append(1000 * (time.perf_counter() - began))
        median = statistics.median(took)
        reached = reached and median < GOAL_MS and response.status_code == 200
        mark = "" if response.status_code == 200 else f"  HTTP {response.status_code}"
        figures = f"{median:6.0f}ms {max(took):6.0f}ms {statistics.median(worked):6.0f}ms"
        print(f"{figures} {len(queries):>8}  {template}{mark}")
        if median >= GOAL_MS:
            slowest = max(queries.captured_queries, key=lambda query: float(query["time"]))
            print(f"    {slowest['time']} s: {slowest['sql'][:1500]}")
    return reached


def main(calls: int) -> int:
    """Measure all pages with ``calls`` calls; the exit code."""
    with servers.postgres() as url, tempfile.TemporaryDirectory() as var:
        os.environ |= {
            "DATABASE_URL": url,
            "VAR_DIR": var,
            "FIELD_KEYS": Fernet.generate_key().decode("ascii"),
            "DJANGO_SETTINGS_MODULE": "gateway_project.settings",
            "LOG_LEVEL": "WARNING",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection
        from django.test import override_settings

        call_command("migrate", verbosity=0)
        fill(calls)
        plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
        storages = {"staticfiles": {"BACKEND": plain}}
        with override_settings(STORAGES=storages, ALLOWED_HOSTS=["*"]):
            reached = measure(calls)
        connection.close()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CALLS))
