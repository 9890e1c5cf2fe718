"""Moving every stored secret to the first key of the ring."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from django.db import models, transaction

from bots import credentials, secrets
from bots.core import catalogue
from bots.core.params.resolve import Catalogue
from bots.models import ApiClient, Bot, BotRevision, Delivery, Provider
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

    def add(self, done: Mapping[str, int]) -> None:
        """Count what `bots.secrets.rotated` did."""
        self.reencrypted += done.get("reencrypted", 0)
        self.encrypted += done.get("encrypted", 0)
        self.current += done.get("current", 0)


_elsewhere: list[Callable[[Rotation], None]] = []


def rotates(rotate: Callable[[Rotation], None]) -> None:
    """Have ``rotate`` do its part in `rotate_secrets`, for secrets of another room."""
    if rotate not in _elsewhere:
        _elsewhere.append(rotate)


def rotate_secrets() -> Rotation:
    """Put the secrets of bots, base bots, providers, revisions and clients under the first key.

    Those of other rooms follow (`rotates`). Deliveries that have not arrived are among them; those
    of calls that go on are not kept longer. Calls and changes go on meanwhile. It can be stopped
    and repeated at any time: secrets under the first key are left alone. Revision numbers stay, for
    the values are the same.
    """
    summary = Rotation()
    for table in (BotRevision, Bot, Provider):
        rows = table._default_manager.order_by("pk")
        last = 0
        while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
            summary.add(_rotate(table, keys, summary.unreadable))
            last = keys[-1]
    for owed in Delivery.objects.exclude(state=Delivery.State.DELIVERED).values_list("pk"):
        _rotate_envelope(Delivery.objects.filter(pk=owed[0]), "target", summary)
    for client in ApiClient.objects.exclude(notification_secret=None).values_list("pk"):
        _rotate_envelope(ApiClient.objects.filter(pk=client[0]), "notification_secret", summary)
    for rotate in _elsewhere:
        rotate(summary)
    return summary


@transaction.atomic
def _rotate_envelope(found: models.QuerySet[Any], field: str, summary: Rotation) -> None:
    """The same for a row whose ``field`` is one envelope; it may be gone."""
    row = found.select_for_update().first()
    if row is None:
        return
    values, done, lost = secrets.rotated(Catalogue(()), {field: getattr(row, field)})
    if done["reencrypted"]:
        found.update(**values)
    summary.add(done)
    summary.unreadable += [f"{row._meta.verbose_name} {row}" for _ in lost]


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
