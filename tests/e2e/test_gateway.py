"""The whole gateway as processes: start, stop, restart, a second one beside it, a lost process."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e import installation
from tests.e2e.installation import ROOT, Gateway

LOST_SECONDS = 60.0


def gateway_in(directory: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py gateway`` until it ends by itself."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "gateway"],
        env={**os.environ, "VAR_DIR": str(directory / "var"), **environ},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.served
def test_a_gateway_that_is_ready_has_all_its_processes(gateway: Gateway) -> None:
    with urllib.request.urlopen(f"{gateway.url}/readyz", timeout=10) as response:
        answer = json.load(response)
    assert answer["status"] == "ready"
    assert set(answer["parts"].values()) == {"ok"}
    embedded = {"valkey"} if not gateway.env.get("REDIS_URL") else set()
    assert set(gateway.children()) == {"web", "worker", "beat"} | embedded
    log = gateway.log.read_text()
    assert f"Console        {gateway.url}/" in log
    assert f"{gateway.ws_url}/voice/audiocodes/demo" in log
    assert "testcall demo" in log
    assert gateway.admin_password not in log


def test_a_second_gateway_on_the_port_says_so_and_touches_nothing(
    gateway: Gateway, tmp_path: Path
) -> None:
    second = gateway_in(tmp_path, PORT=str(gateway.port), DATABASE_URL="", REDIS_URL="")
    assert second.returncode == 1
    assert f"Port {gateway.port} on 127.0.0.1 is taken" in second.stderr
    assert "Traceback" not in second.stderr
    assert not (tmp_path / "var" / "gateway.sqlite3").exists()
    assert gateway.ready()


def test_a_second_gateway_in_the_directory_says_so(gateway: Gateway) -> None:
    second = gateway.manage("gateway")
    assert second.returncode == 1
    assert f"Port {gateway.port} on 127.0.0.1 is taken" in second.stderr
    assert f"(process {gateway.process.pid})" in second.stderr
    assert gateway.ready()


def test_a_malformed_variable_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    refused = gateway_in(tmp_path, PORT="http")
    assert refused.returncode == 2
    assert refused.stderr == "PORT must be a whole number from 1 to 65535, not 'http'.\n"


def test_a_made_up_password_is_shown_once_and_works(
    tmp_path: Path, backends: dict[str, str]
) -> None:
    environ = {**backends, "ROLE": "web", "GATEWAY_ADMIN_PASSWORD": "", "DEMO": "0"}
    with installation.running(tmp_path, environ) as gateway:
        shown = re.search(r"password (\S+) \(shown only now\)", gateway.log.read_text())
        assert shown is not None
        works = gateway.query(
            "from django.contrib.auth.models import User; "
            f"print(User.objects.get(username='admin').check_password({shown[1]!r}))"
        )
        assert works == "True"
    gateway.log.unlink()
    with installation.running(tmp_path, environ) as again:
        assert "shown only now" not in again.log.read_text()
        assert "Sign in as     admin" in again.log.read_text()


DIAL = """
from django.contrib.auth.models import User
from django.utils.timezone import now
from bots.people import person
from calls.dialouts.asking import Wish, dialout_request
callees = ("talks", "hangs-up", "busy", "declines", "no-answer")
parameters = {"sandboxMode": "text", "sandboxRingMs": 500}
for n in range(20):
    wish = Wish(bot="demo", target=f"sip:{callees[n % 5]}@sandbox", caller="+12025550199",
                answer_timeout_s=5, parameters=parameters)
    dialout_request(wish, who=person(User.objects.get(username="admin")), client=None, now=now())
"""
"""Twenty people are to be called by the sandbox."""

SOME_ARE_UNDER_WAY = """
import time
from calls.models import Dialout
while not Dialout.objects.filter(state="answered").exists(): time.sleep(0.02)
print(Dialout.objects.exclude(state__in=("completed", "failed")).count())
"""

HOW_THEY_ENDED = """
import json, time
from calls.models import Dialout, DialoutEvent
final = ("completed", "failed", "cancelled")
while Dialout.objects.exclude(state__in=final).exists(): time.sleep(0.1)
events = DialoutEvent.objects.order_by("dialout", "seq").values_list("dialout", "state")
print(json.dumps([[str(dialout), state in final] for dialout, state in events]))
"""


@pytest.mark.served
def test_a_killed_web_process_comes_back_and_leaves_no_call_unfinished(
    tmp_path: Path, backends: dict[str, str]
) -> None:
    with installation.running(tmp_path, backends) as gateway:
        web = gateway.children()["web"]
        gateway.query(
            "from django.utils import timezone; from calls.models import *; "
            f"owner = ProcessLease.objects.get(pid={web}).owner; "
            "Call.objects.create(conversation_id='lost', channel='audiocodes', mode='voice', "
            "bot_name='demo', bot_revision=1, owner=owner, started_at=timezone.now())"
        )
        gateway.query(DIAL)
        assert int(gateway.query(SOME_ARE_UNDER_WAY)) > 0
        _kill(gateway, web)
        found = gateway.query(
            "import time; from calls.models import Call; calls = Call.objects.filter("
            "conversation_id='lost')\nwhile calls.get().state == 'active': time.sleep(0.1)\n"
            "call = calls.get(); print(call.state, call.ended_by, call.reason_code)",
            timeout=LOST_SECONDS,
        )
        assert found == "ended gateway error", gateway.log.read_text()
        events = json.loads(gateway.query(HOW_THEY_ENDED, timeout=LOST_SECONDS))
        ends = Counter(dialout for dialout, final in events if final)
        assert (len(ends), set(ends.values())) == (20, {1})
        assert all(final for _, final in dict(events).items())


def _kill(gateway: Gateway, web: int) -> None:
    with installation.all_gone([web]):
        os.kill(web, signal.SIGKILL)
    # Half a minute goes by: the lease of a dead process is renewed by nobody, and a living one had
    # time to say that it is.
    lease = "from datetime import timedelta as t; from django.db.models import F as Of\n"
    lease += "from calls.models import ProcessLease as Lease\n"
    ago = "renewed_at=Of('renewed_at') - t(seconds=30)"
    gateway.query(f"{lease}Lease.objects.filter(pid={web}).update({ago})")
    gateway.wait_until_ready()
    assert gateway.children()["web"] != web
    gateway.query(f"{lease}Lease.objects.update(since=Of('since') - t(minutes=1))")


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path, backends: dict[str, str]) -> None:
    with installation.started(tmp_path, backends) as gateway:
        gateway.wait_until_ready()
        below = installation.descendants(gateway.process.pid)
        assert len(below) >= 3
        with installation.all_gone(below):
            gateway.process.kill()
        gateway.process.wait()


@pytest.mark.served
def test_from_the_start_to_an_interrupt_the_log_has_no_warning(
    tmp_path: Path, nothing: dict[str, str]
) -> None:
    with installation.started(tmp_path, nothing) as gateway:
        gateway.wait_until_ready()
        while "celery@" not in gateway.log.read_text():
            time.sleep(0.1)
        supervisor = os.pidfd_open(gateway.process.pid)
        with installation.all_gone(installation.descendants(gateway.process.pid)):
            gateway.process.send_signal(signal.SIGINT)
            assert select.select([supervisor], [], [], installation.STOP_SECONDS)[0]
        os.close(supervisor)
        assert gateway.process.wait() == 0
        log = gateway.log.read_text()
        assert "server.drained" in log
        assert not re.search(r"warning|error|critical|traceback", log, re.IGNORECASE), log
