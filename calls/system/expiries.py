"""What runs out: secrets and tokens of API clients, and certificates."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from bots.models import ApiClient, MintedToken
from calls.leases import current_leases

Kind = Literal["client-secret", "client-token", "certificate"]
SOON = timedelta(days=7)
LATER = timedelta(days=30)
MOST = 500
"""Of one kind, so many are looked at: those that run out first."""


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is of no use from ``at`` on; ``name`` says what it belongs to.

    ``key`` is that of the client; None for a certificate.
    """

    kind: Kind
    name: str
    at: datetime
    key: int | None = None

    def nearness(self, now: datetime) -> Literal["over", "soon", "later", "far"]:
        """How near its end is."""
        left = self.at - now
        if left <= timedelta():
            return "over"
        return "soon" if left <= SOON else "later" if left <= LATER else "far"


def expiries(now: datetime) -> list[Expiry]:
    """Everything whose end is known, the nearest first; tokens that ran out are not listed."""
    found = [*_secrets(now), *_tokens(now), *_certificates(now)]
    return sorted(found, key=lambda each: (each.at, each.kind, each.name))


def _secrets(now: datetime) -> Iterator[Expiry]:
    rows = ApiClient.objects.filter(previous_secret_until__gt=now, enabled=True)
    for client in rows.order_by("previous_secret_until")[:MOST]:
        if client.previous_secret_until is not None:
            yield Expiry(
                kind="client-secret",
                name=client.name,
                at=client.previous_secret_until,
                key=client.pk,
            )


def _tokens(now: datetime) -> Iterator[Expiry]:
    rows = MintedToken.objects.filter(
        token__expires__gt=now, token__application__enabled=True
    ).select_related("token__application")
    for minted in rows.order_by("token__expires")[:MOST]:
        client = minted.token.application
        name = f"{client.name}: {minted.name}"
        yield Expiry(kind="client-token", name=name, at=minted.token.expires, key=client.pk)


def _certificates(now: datetime) -> Iterator[Expiry]:
    """What the workers found when they looked; each name once."""
    found: dict[str, datetime] = {}
    for vitals in current_leases(now).values_list("vitals", flat=True):
        told: Any = vitals.get("certificates") if isinstance(vitals, Mapping) else None
        for name, text in told.items() if isinstance(told, Mapping) else ():
            if (at := _moment(str(text))) is not None:
                found[str(name)[:200]] = at
    for name, at in found.items():
        yield Expiry(kind="certificate", name=name, at=at)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
