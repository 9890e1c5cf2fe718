"""Exports of call records as CSV or JSON lines: at once, or by a worker into a file.

What is exported is what a filter shows to its reader, in the order of the history and in the
columns chosen there. Calls are read in batches, so that no statement runs for long.
"""

import csv
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from bots.audit import Actor, acting, record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.core.spreadsheet import cell
from calls.columns import chosen_columns, field_names, field_value
from calls.core.callfilter import CallFilter, parse
from calls.models import Call, CallExport, TranscriptEntry
from calls.search import every, matching
from calls.selectors import Sight, visible_to

AT_ONCE = 10_000
"""Calls that are written into a response; more are written into a file by a worker."""
MOST_ROWS = 1_000_000
KEPT = timedelta(hours=24)
"""How long a file can be downloaded."""
LONGEST_S = 540.0
"""How long a worker may write; less than the broker waits before it gives the task to another."""
GIVEN_UP = timedelta(hours=1)
"""An export that is being written for so long has lost its worker."""
STOPPED = "The worker stopped while it wrote. Export again."
AT_A_TIME = 2
"""Files written at once, so that workers have threads left for everything else."""
WAITING_AT_MOST = 5
"""Exports of one person that wait or are being written."""
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
TRANSCRIPT = "transcript"
"""Stands among the fields of an export that has what was said; only JSON lines can."""

_LINE_FIELDS = ("seq", "offset_ms", "side", "kind", "text", "full_text", "confidence", "delay_ms")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants exported: which calls, as what, with which fields."""

    chosen: CallFilter
    format: str
    """A key of `MEDIA_TYPES`."""
    fields: tuple[str, ...]

    @property
    def with_transcript(self) -> bool:
        """Whether what was said is part of it."""
        return TRANSCRIPT in self.fields


def order(query: str, export_format: str, *, transcript: bool, now: datetime) -> Order:
    """The order for the calls that the history shows at the address ``query``, as of ``now``."""
    address = QueryDict(query)
    chosen = parse(dict(address.lists()), now, timezone.get_current_timezone())
    fields = field_names(chosen_columns(",".join(address.getlist("columns"))))
    if transcript and export_format == "jsonl":
        fields = (*fields, TRANSCRIPT)
    # Calls that begin while it is written would be in it or not by chance.
    until = now if chosen.until is None else min(chosen.until, now)
    chosen = msgspec.structs.replace(chosen, until=until)
    return Order(chosen=chosen, format=export_format, fields=fields)


def ordered(sight: Sight, wanted: Order) -> QuerySet[Call]:
    """The calls of an export, in no order."""
    return matching(sight, wanted.chosen).calls


def record_export(wanted: Order, rows: int, message: str = "") -> None:
    """Say in the audit log who exported what."""
    after = {
        "format": wanted.format,
        "rows": rows,
        "transcripts": wanted.with_transcript,
        "filter": wanted.chosen.summary(),
        "fields": list(wanted.fields),
    }
    record(Action.CALLS_EXPORTED, kind="export", after=after, message=message)


def file_name(export_format: str, now: datetime) -> str:
    """What the file is called when it is downloaded."""
    return f"calls-{now:%Y%m%d-%H%M%S}.{export_format}"


# --- writing --------------------------------------------------------------------------------------


def written(sight: Sight, wanted: Order) -> Iterator[tuple[str, int]]:
    """The text of an export piece by piece, each with the number of calls in it."""
    if wanted.format == "csv":
        yield _csv([wanted.fields]), 0
    for calls in every(ordered(sight, wanted)):
        write = _csv_rows if wanted.format == "csv" else _json_lines
        yield write(sight, wanted, calls), len(calls)


def _csv_rows(_sight: Sight, wanted: Order, calls: Sequence[Call]) -> str:
    return _csv([[_flat(call, name) for name in wanted.fields] for call in calls])


def _flat(call: Call, name: str) -> str:
    value = field_value(call, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell(" ".join(map(str, value)) if isinstance(value, list) else value)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _json_lines(sight: Sight, wanted: Order, calls: Sequence[Call]) -> str:
    lines = _transcripts(sight, calls) if wanted.with_transcript else {}
    documents = []
    for call in calls:
        document: dict[str, object] = {
            name: field_value(call, name) for name in wanted.fields if name != TRANSCRIPT
        }
        if wanted.with_transcript:
            document[TRANSCRIPT] = lines.get(call.pk, []) if sight.reads(call) else None
        documents.append(json.dumps(document, ensure_ascii=False) + "\n")
    return "".join(documents)


def _transcripts(
    sight: Sight, calls: Sequence[Call]
) -> dict[UUID, list[dict[str, str | int | float]]]:
    read = [call.pk for call in calls if sight.reads(call)]
    found: dict[UUID, list[dict[str, str | int | float]]] = defaultdict(list)
    entries = TranscriptEntry.objects.filter(call__in=read).order_by("call", "seq")
    for call, *values in entries.values_list("call", *_LINE_FIELDS):
        line = zip(_LINE_FIELDS, values, strict=True)
        found[call].append({name: value for name, value in line if value not in (None, "")})
    return found


# --- files ----------------------------------------------------------------------------------------


def export_create(user: User, query: str, wanted: Order, rows: int) -> CallExport:
    """Ask for an export that a worker writes into a file, see `write_next_export`.

    Raises:
        ParameterError: the person has too many exports under way.
    """
    address = QueryDict(query, mutable=True)
    # Days are those of the person's zone also where the worker, who has none, reads the filter.
    address.setdefault("zone", timezone.get_current_timezone_name())
    with transaction.atomic():
        todo = (CallExport.State.WAITING, CallExport.State.RUNNING)
        if CallExport.objects.filter(user=user, state__in=todo).count() >= WAITING_AT_MOST:
            raise ParameterError({"format": "too many exports are under way; wait for one to end"})
        export = CallExport.objects.create(
            user=user,
            format=wanted.format,
            query=address.urlencode(),
            columns=list(wanted.fields),
            expires_at=timezone.now() + KEPT,
        )
        record_export(wanted, rows, "Written into a file")
    return export


def path_of(export: CallExport) -> Path:
    """Where the file of an export is."""
    return Path(settings.VAR_DIR) / "exports" / f"{export.pk}.{export.format}"


def write_next_export(now: datetime) -> CallExport | None:
    """Write the file of the export that has waited longest; None when there is nothing to do.

    What its owner may see counts as it is now, not as it was asked for.
    """
    running = CallExport.objects.filter(state=CallExport.State.RUNNING)
    running.filter(created_at__lt=now - GIVEN_UP).update(
        state=CallExport.State.FAILED, problem=STOPPED
    )
    waiting = CallExport.objects.filter(state=CallExport.State.WAITING).order_by("created_at")
    export = waiting.first()
    if export is None or running.count() >= AT_A_TIME:
        return None
    if not waiting.filter(pk=export.pk).order_by().update(state=CallExport.State.RUNNING):
        return None  # another worker was quicker
    problem = STOPPED  # unless nothing unforeseen happens
    try:
        problem = _fill(export)
    except OSError as error:
        problem = f"The file could not be written: {error.strerror}"
    finally:
        _settle(export, problem)
    return export


def _settle(export: CallExport, problem: str) -> None:
    """Store what became of ``export``; of one that failed no file is left."""
    if problem:
        with suppress(OSError):
            path_of(export).unlink()
        export.rows = 0
    export.problem = problem
    export.state = CallExport.State.FAILED if problem else CallExport.State.READY
    export.save(update_fields=["state", "problem", "rows"])


def _fill(export: CallExport) -> str:
    """Write the file; return what stood against it."""
    user = get_user_model().objects.get(pk=export.user_id)
    sight = visible_to(user)
    if not (sight.history and sight.who.may(Permission.EXPORT_CALLS)):
        return "Its owner may no longer export calls."
    wanted = order(
        export.query,
        export.format,
        transcript=TRANSCRIPT in export.columns and sight.searches,
        now=export.created_at,
    )
    path = path_of(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + LONGEST_S
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with acting(Actor(name=user.get_username(), user_id=user.pk)):
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - private
            for text, rows in written(sight, wanted):
                file.write(text)
                export.rows += rows
                if export.rows > MOST_ROWS or time.monotonic() > deadline:
                    return "There are too many calls for one export. Narrow the filter."
        record_export(wanted, export.rows, "The file was written")
    return ""


def delete_expired_exports(now: datetime) -> int:
    """Delete the exports that were kept for long enough, with their files; return how many."""
    deleted = 0
    for export in CallExport.objects.filter(expires_at__lte=now):
        path_of(export).unlink(missing_ok=True)
        export.delete()
        deleted += 1
    directory = Path(settings.VAR_DIR) / "exports"
    # A person who was removed took the rows along, but not the files.
    for path in directory.iterdir() if directory.is_dir() else ():
        if datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo) < now - KEPT:
            path.unlink(missing_ok=True)
    return deleted
