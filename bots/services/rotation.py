"""Moving every stored secret to the first key of the ring."""

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
from django.db import transaction

from bots import credentials, secrets
from bots.core import catalogue
from bots.core.params.resolve import Catalogue
from bots.models import Bot, BotRevision, Provider
from bots.services.providers import plugin_of

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
        changed = []
        for field, declared in _places(row, known):
            values, done, lost = secrets.rotated(declared, getattr(row, field))
            if values != getattr(row, field):
                setattr(row, field, values)
                changed.append(field)
            total += done
            unreadable += [f"{_title(row)}: {name}" for name in lost]
        if changed:
            row.save(update_fields=changed)
    return total


def _places(row: BotRevision | Bot | Provider, known: Catalogue) -> Iterator[tuple[str, Catalogue]]:
    """The fields of ``row`` that hold secrets, and what declares them."""
    yield "params", known
    if isinstance(row, Provider):
        try:
            yield "credentials", credentials.known(plugin_of(row))
        except LookupError:
            yield "credentials", Catalogue(())


def _title(row: BotRevision | Bot | Provider) -> str:
    match row:
        case BotRevision():
            return f"bot {row.bot.name} revision {row.number}"
        case Bot():
            return f"bot {row.name}"
        case Provider():
            return f"provider {row.name}"
