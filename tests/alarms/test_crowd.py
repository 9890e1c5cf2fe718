"""Many processes report at once: what comes of it is what one after the other would have made."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from alarms.core.catalogue import CATALOGUE
from alarms.core.state import Report
from tests import databases
from tests.alarms.naive import Naive

HISTORY = 20
PROCESSES, SINGLE, BATCHES, SIZE = 8, 25, 7, 175
ROOT = Path(__file__).resolve().parents[2]

Key = tuple[str, str]


class Left(msgspec.Struct):
    """See ``crowd.py``. An event is type, source, kind, previous and next severity, number."""

    told: list[tuple[list[Report], list[tuple[str, str, str, int | None, int, int]]]]
    history: list[tuple[str, str, str, int | None, int, int]]
    active: list[tuple[str, str, int, int]]
    last_seq: int


@pytest.mark.db
def test_ten_thousand_reports_from_eight_processes_leave_what_a_model_predicts(
    tmp_path: Path, template: databases.Template
) -> None:
    left = _crowd(tmp_path, template)
    models: dict[Key, Naive] = {}
    events = defaultdict(list)
    for reports, _ in left.told:
        for report in reports:
            kind = CATALOGUE[report.type]
            model = models.setdefault(
                (report.type, report.source), Naive(kind.severity, kind.clear_after_s)
            )
            model.take(report)
    written = [event for _, came in left.told for event in came]
    for kind_name, source, what, before, after, _ in written:
        events[kind_name, source].append((what, before, after))

    assert sum(len(reports) for reports, _ in left.told) == 10_000
    assert {key: model.story for key, model in models.items()} == events
    assert {
        (*key, m.alarm["severity"], m.alarm["count"]) for key, m in models.items() if m.alarm
    } == set(left.active)
    # The numbers have no gap, and the history holds the last of them.
    assert [event[-1] for event in written] == list(range(1, left.last_seq + 1))
    assert left.history == written[-HISTORY:]
    assert len(written) > 5 * HISTORY
    assert {event[2] for event in written} == {"raised", "changed", "held", "cleared"}


def _crowd(directory: Path, template: databases.Template) -> Left:
    with databases.copied(template, directory / "var") as changes:
        environ = {**os.environ, "VAR_DIR": str(directory / "var")}
        environ |= {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "gateway_project.settings"}
        environ |= changes
        if template == databases.Template():
            migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
            subprocess.run(migrate, env=environ, check=True)
        command = [sys.executable, str(Path(__file__).with_name("crowd.py"))]
        command += map(str, (HISTORY, PROCESSES, SINGLE, BATCHES, SIZE))
        done = subprocess.run(command, env=environ, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Left)
