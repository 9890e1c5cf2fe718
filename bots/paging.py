"""Rows in the order of their keys, newest first: page by page for people, or all of them as CSV."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import Any, Generic, TypeVar

import msgspec
from django.db.models import Model, QuerySet

from bots.core.spreadsheet import cell

BATCH = 1_000
EXPORTED = 100_000
"""Rows in one export at most."""
_PLACE = re.compile(r"(after|before)-([0-9]{1,18})")

Row = TypeVar("Row", bound=Model)


class Page(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """Some rows, newest first, and the places of the neighbouring pages."""

    rows: list[Row]
    newer: str = ""
    older: str = ""


def page(found: QuerySet[Row], *, size: int, place: str = "") -> Page[Row]:
    """The ``size`` rows of ``found`` next to ``place``, else the newest.

    Keys are whole numbers that grow with time.
    """
    known = _PLACE.fullmatch(place)
    backwards = known is not None and known[1] == "before"
    listed = found.order_by("pk" if backwards else "-pk")
    if known:
        listed = listed.filter(**{"pk__gt" if backwards else "pk__lt": int(known[2])})
    rows = list(listed[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Page(rows=[])
    newer = more if backwards else known is not None
    return Page(
        rows=rows,
        newer=f"before-{rows[0].pk}" if newer else "",
        older=f"after-{rows[-1].pk}" if backwards or more else "",
    )


def as_csv(
    found: QuerySet[Row], columns: Sequence[str], written: Callable[[Row, str], Any]
) -> Iterator[str]:
    """The lines of ``found`` as CSV, newest first, in batches; a cell is ``written`` of a row."""
    yield _line(columns)
    place, left = "", EXPORTED
    while left > 0:
        batch = page(found, size=min(BATCH, left), place=place)
        for row in batch.rows:
            yield _line([written(row, column) for column in columns])
        left -= len(batch.rows)
        place = batch.older
        if not place:
            return


def _line(values: Iterable[Any]) -> str:
    line = StringIO()
    csv.writer(line).writerow([cell(value) for value in values])
    return line.getvalue()
