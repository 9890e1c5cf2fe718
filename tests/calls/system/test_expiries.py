"""What runs out, the nearest end first."""

from datetime import timedelta

import pytest
from oauth2_provider.models import get_access_token_model

from bots.models import ApiClient, MintedToken
from calls.system.expiries import LATER, SOON, Expiry, expiries
from tests.calls.system.conftest import NOW, MakeLease

pytestmark = pytest.mark.db


def client(name: str, **fields: object) -> ApiClient:
    made: ApiClient = ApiClient.objects.create(name=name, **fields)
    return made


def minted(of: ApiClient, name: str, days: float) -> None:
    token = get_access_token_model().objects.create(
        application=of, token=f"{of.name}-{name}", expires=NOW + timedelta(days=days), scope=""
    )
    MintedToken.objects.create(token=token, name=name, author="anna")


def test_nothing_runs_out_where_nothing_has_an_end(db: None) -> None:
    client("crm")
    assert expiries(NOW) == []


def test_old_secrets_tokens_and_certificates_are_told_the_nearest_first(
    make_lease: MakeLease,
) -> None:
    rotated = {"previous_secret": "hash", "previous_secret_until": NOW + timedelta(days=2)}
    crm = client("crm", **rotated)
    client("off", enabled=False, **rotated)
    minted(crm, "nightly", 5)
    minted(crm, "over", -1)
    get_access_token_model().objects.create(  # nobody minted it: it is fetched anew all the time
        application=crm, token="own", expires=NOW + timedelta(hours=1), scope=""
    )
    make_lease("w", role="worker", vitals={"certificates": {"bot.example": "2026-11-22T00:00:00"}})
    assert [(each.kind, each.name, each.at - NOW, each.key) for each in expiries(NOW)] == [
        ("certificate", "bot.example", timedelta(hours=12), None),
        ("client-secret", "crm", timedelta(days=2), crm.pk),
        ("client-token", "crm: nightly", timedelta(days=5), crm.pk),
    ]


@pytest.mark.parametrize("told", [None, [], {"a": "no time"}, {"a": None}])
def test_of_certificates_that_are_told_wrongly_nothing_is_known(
    told: object, make_lease: MakeLease
) -> None:
    make_lease(vitals={"certificates": told})
    make_lease("strange", vitals=[1])
    assert expiries(NOW) == []


def test_certificates_of_a_dead_worker_are_not_known_any_more(make_lease: MakeLease) -> None:
    make_lease(
        vitals={"certificates": {"bot.example": "2026-11-22T00:00:00+00:00"}},
        renewed_at=NOW - timedelta(minutes=5),
    )
    assert expiries(NOW) == []


@pytest.mark.pure
@pytest.mark.parametrize(
    ("left", "near"),
    [
        (timedelta(), "over"),
        (timedelta(seconds=1), "soon"),
        (SOON, "soon"),
        (SOON + timedelta(seconds=1), "later"),
        (LATER, "later"),
        (LATER + timedelta(seconds=1), "far"),
    ],
)
def test_the_nearer_the_end_the_louder(left: timedelta, near: str) -> None:
    assert Expiry(kind="certificate", name="a", at=NOW + left).nearness(NOW) == near
