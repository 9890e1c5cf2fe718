"""Moving every stored secret to the first key of the ring."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from django.db import transaction

from bots import secrets
from bots.core import catalogue
from bots.models import Bot, BotRevision, Provider

BATCH = 100
"""Rows that are locked and written in one transaction."""


class Rotation(msgspec.Struct, kw_only=True):
    """What a rotation did: numbers of secrets, and the places of those that no key decrypts."""

    reencrypted: int = 0
    """Were under another key."""
    encrypted: int = 0
    """Were stored before their parameter was declared secret."""
    current: int = 0
    """Were under the first key already."""
    unreadable: list[str] = []


def rotate_secrets() -> Rotation:
    """Put the secrets of bots, base bots, providers and revisions under the first key.

    Calls and changes go on meanwhile. It can be stopped and repeated at any time: secrets under the
    first key are left alone. Revision numbers stay, for the values are the same.
    """
    summary = Rotation()
    for table in (BotRevision, Bot, Provider):
        rows = table._default_manager.order_by("pk")
        last = 0
        while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
            done = _rotate(table, keys, summary.unreadable)
            summary.reencrypted += done["reencrypted"]
            summary.encrypted += done["encrypted"]
            summary.current += done["current"]
            last = keys[-1]
    return summary


@transaction.atomic
def _rotate(
    table: type[BotRevision | Bot | Provider], keys: Sequence[int], unreadable: list[str]
) -> Counter[str]:
    known = catalogue.everything()
    total: Counter[str] = Counter()
    rows = table._default_manager.select_for_update().filter(pk__in=keys).order_by("pk")
    for row in rows:
        params, done, lost = secrets.rotated(known, row.params)
        if params != row.params:
            row.params = params
            row.save(update_fields=["params"])
        total += done
        unreadable += [f"{_title(row)}: {name}" for name in lost]
    return total


def _title(row: BotRevision | Bot | Provider) -> str:
    match row:
        case BotRevision():
            return f"bot {row.bot.name} revision {row.number}"
        case Bot():
            return f"bot {row.name}"
        case Provider():
            return f"provider {row.name}"
