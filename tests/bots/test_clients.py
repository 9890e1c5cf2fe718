"""API clients: rules of their settings, secrets, tokens, who may manage which, what is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from bots import access, clientele
from bots.core.auditing import Action
from bots.core.errors import Denied, ParameterError
from bots.core.scopes import SCOPES
from bots.models import ApiClient, AuditEvent, Bot, ClientUsage, MintedToken
from bots.people import NOBODY, Person, client_person, person
from bots.secrets import opened_texts
from bots.services import api_client_create, api_client_update
from bots.services.clients import (
    api_client_delete,
    mint_token,
    revoke_token,
    rotate_notification_secret,
    rotate_secret,
)
from bots.tasks import forget_client_usage
from tests.worlds import World, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture
def client() -> ApiClient:
    return api_client_create(name="crm", scopes=["bots:read", "calls:read"])[0]


@pytest.fixture
def bots() -> dict[str, Bot]:
    return {name: Bot.objects.create(name=name) for name in ("retail", "billing")}


@pytest.fixture
def narrow(bots: dict[str, Bot]) -> Person:
    """Manages clients of the bot retail only."""
    return person(with_role("account-manager", name="narrow", bots=[bots["retail"]]))


def problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        api_client_create(**{"name": "x", "scopes": ["bots:read"], **changes})
    return refused.value.problems


def signing_secret(client: ApiClient) -> str:
    return opened_texts(ApiClient.objects.get(pk=client.pk).notification_secret)["secret"]


# --- settings ---


def test_every_wrong_field_is_told_at_once(bots: dict[str, Bot]) -> None:
    wrong = problems(
        name=" ",
        scopes=["bots:raed"],
        bots=["retail", "nobody"],
        owner="a\0b",
        notes="x" * 2001,
        allowed_networks=["10.0.0.0/8", "10.0.0.0/99"],
        notify_hosts=["dialer.example.com", "http://x/"],
        rate_per_second=0,
        dialouts_per_second=float("nan"),
        max_dialouts=10**9,
    )
    assert set(wrong) == {
        *("name", "scopes", "bots", "owner", "notes", "allowed_networks", "notify_hosts"),
        *("rate_per_second", "dialouts_per_second", "max_dialouts"),
    }
    assert "10.0.0.0/99" in wrong["allowed_networks"]
    assert "nobody" in wrong["bots"]
    assert "retail" not in wrong["bots"]
    assert not ApiClient.objects.exists()


@pytest.mark.parametrize(
    "host", ["1.2.3", "-a.example", "a..b", "a b", "a:80", "", "x" * 300, "ä.de"]
)
def test_a_host_must_be_a_full_name_or_an_address(host: str) -> None:
    assert set(problems(notify_hosts=[host])) == {"notify_hosts"}


def test_networks_and_hosts_are_kept_in_one_spelling() -> None:
    client, _ = api_client_create(
        name=" crm ",
        scopes=["calls:read", "bots:read", "bots:read"],
        allowed_networks=["192.0.2.9/24", "192.0.2.0/24", "2001:DB8::/32", "203.0.113.4"],
        notify_hosts=["Dialer.Example.com ", "192.0.2.1"],
    )
    assert client.name == "crm"
    assert client.allowed_scopes == ["bots:read", "calls:read"]
    assert client.allowed_networks == ["192.0.2.0/24", "2001:db8::/32", "203.0.113.4/32"]
    assert client.notify_hosts == ["dialer.example.com", "192.0.2.1"]


def test_there_may_be_so_many_networks() -> None:
    many = [f"10.0.{number}.0/24" for number in range(101)]
    assert set(problems(allowed_networks=many)) == {"allowed_networks"}
    assert api_client_create(name="x", scopes=["bots:read"], allowed_networks=many[:100])


def test_no_two_clients_have_one_name(client: ApiClient) -> None:
    assert set(problems(name="CRM")) == {"name"}
    assert api_client_update(client, name="CRM").name == "CRM"


def test_a_change_is_kept_with_what_it_changed(client: ApiClient) -> None:
    api_client_update(client, owner="ann", rate_per_second=50)
    event = AuditEvent.objects.get(action=Action.CLIENT_CHANGED)
    assert (event.kind, event.target, event.title) == ("client", str(client.pk), "crm")
    assert (event.before, event.after) == ({"owner": ""}, {"owner": "ann"})
    api_client_update(client, owner="ann")
    assert AuditEvent.objects.filter(action=Action.CLIENT_CHANGED).count() == 1


# --- secrets and tokens ---


def test_no_secret_is_in_the_audit_log_or_readable_in_the_row() -> None:
    client, secret = api_client_create(name="crm", scopes=["bots:read"])
    signing = signing_secret(client)
    later = rotate_secret(client)
    rotate_notification_secret(client)
    _, token = mint_token(client, name="nightly", scopes=["bots:read"], days=1)
    kept = str([*AuditEvent.objects.values(), *ApiClient.objects.values()])
    kept += str([*get_access_token_model().objects.values(), *MintedToken.objects.values()])
    for each in (secret, later, signing, signing_secret(client), token):
        assert each not in kept
    assert signing_secret(client) != signing
    assert signing.startswith("whsec_")


def test_a_rotation_keeps_the_secret_before_for_so_long() -> None:
    client, first = api_client_create(name="crm", scopes=["bots:read"])
    second = rotate_secret(client, overlap_hours=168)
    assert access.client_with(client.client_id, first)
    third = rotate_secret(client, overlap_hours=1)
    assert not access.client_with(client.client_id, first)
    assert access.client_with(client.client_id, second)
    rotate_secret(client, overlap_hours=0)
    assert not access.client_with(client.client_id, second)
    assert not access.client_with(client.client_id, third)
    for hours in (-1, 169):
        with pytest.raises(ParameterError):
            rotate_secret(client, overlap_hours=hours)


def test_a_leaked_secret_and_a_disabled_client_end_the_tokens_got_by_it(
    client: ApiClient,
) -> None:
    rows = get_access_token_model().objects
    _, minted = mint_token(client, name="nightly", scopes=["bots:read"], days=1)
    for end in (
        lambda: rotate_secret(client, overlap_hours=0),
        lambda: api_client_update(client, enabled=False),
    ):
        ends = timezone.now() + timedelta(hours=1)
        rows.create(application=client, token="got", scope="bots:read", expires=ends)
        rotate_secret(client, overlap_hours=1)
        assert rows.count() == 2
        end()
        assert rows.count() == 1
    assert not access.access_token(minted)
    api_client_update(client, enabled=True)
    assert access.access_token(minted)


def test_a_token_is_minted_with_some_of_the_clients_scopes_for_a_time(client: ApiClient) -> None:
    with pytest.raises(ParameterError) as refused:
        mint_token(client, name="", scopes=["bots:write"], days=367)
    assert set(refused.value.problems) == {"name", "scopes", "days"}
    with pytest.raises(ParameterError) as refused:
        mint_token(client, name="x", scopes=[], days=0)
    assert set(refused.value.problems) == {"scopes", "days"}
    minted, raw = mint_token(client, name="nightly", scopes=["calls:read"], days=366)
    assert raw.startswith("vgw_")
    assert minted.author == "gateway"
    left = minted.token.expires - timezone.now()
    assert timedelta(days=365) < left <= timedelta(days=366)
    grant = access.access_token(raw)
    assert grant is not None
    assert access.scopes_of(grant) == {"calls:read"}


def test_a_token_of_another_client_is_not_revoked(client: ApiClient) -> None:
    other, _ = api_client_create(name="other", scopes=["bots:read"])
    minted, raw = mint_token(client, name="nightly", scopes=["bots:read"], days=1)
    with pytest.raises(LookupError):
        revoke_token(other, minted.pk)
    assert access.access_token(raw)
    assert revoke_token(client, minted.pk) == "nightly"
    assert not access.access_token(raw)


def test_a_deleted_client_takes_its_tokens_along(client: ApiClient) -> None:
    _, raw = mint_token(client, name="nightly", scopes=["bots:read"], days=1)
    api_client_delete(client)
    assert not access.access_token(raw)
    event = AuditEvent.objects.get(action=Action.CLIENT_DELETED)
    assert event.before is not None
    assert event.before["scopes"] == ["bots:read", "calls:read"]


# --- who may ---


def test_only_who_manages_clients_changes_them(world: World, client: ApiClient) -> None:
    for role, user in world.people.items():
        who = person(user)
        if role in ("account-manager", "administrator"):
            api_client_update(client, who=who, owner=role)
            assert client in who.visible_clients()
            continue
        assert not who.visible_clients().exists()
        for attempt in (
            lambda who=who: api_client_create(name="x", scopes=["bots:read"], who=who),
            lambda who=who: api_client_update(client, who=who, owner="x"),
            lambda who=who: api_client_delete(client, who=who),
            lambda who=who: rotate_secret(client, who=who),
            lambda who=who: rotate_notification_secret(client, who=who),
            lambda who=who: mint_token(client, name="x", scopes=["bots:read"], days=1, who=who),
            lambda who=who: revoke_token(client, 1, who=who),
        ):
            with pytest.raises(Denied):
                attempt()
    assert not NOBODY.visible_clients().exists()


def test_who_reaches_some_bots_makes_no_client_that_reaches_more(
    narrow: Person, client: ApiClient
) -> None:
    for reach in (None, ["billing"], ["retail", "billing"]):
        with pytest.raises(ParameterError) as refused:
            api_client_create(name="x", scopes=["bots:read"], bots=reach, who=narrow)
        assert set(refused.value.problems) == {"bots"}
    made, _ = api_client_create(name="x", scopes=list(SCOPES), bots=["retail"], who=narrow)
    with pytest.raises(ParameterError):
        api_client_update(made, bots=None, who=narrow)
    assert list(narrow.visible_clients()) == [made]
    with pytest.raises(Denied):
        api_client_update(client, owner="x", who=narrow)
    api_client_update(made, bots=["retail", "billing"])
    with pytest.raises(Denied):
        rotate_secret(made, who=narrow)


def test_a_client_made_by_who_reaches_some_bots_reaches_none_by_itself(narrow: Person) -> None:
    made, _ = api_client_create(name="x", scopes=["bots:read"], who=narrow)
    assert not made.all_bots
    assert client_person(made, made.allowed_scopes).bots == frozenset()


def test_a_token_to_connect_opens_the_bots_that_the_client_reaches(bots: dict[str, Bot]) -> None:
    client, _ = api_client_create(name="sbc", scopes=["voice:connect"], bots=["retail"])
    _, raw = mint_token(client, name="x", scopes=["voice:connect"], days=1)
    assert access.token_grants(raw, "voice:connect", bot="retail")
    assert not access.token_grants(raw, "voice:connect", bot="billing")
    api_client_update(client, allowed_networks=["192.0.2.0/24"])
    for address, granted in {"192.0.2.1": True, "192.0.3.1": False}.items():
        found = access.token_grants(raw, "voice:connect", bot="retail", address=address)
        assert found is granted


# --- reads ---


def test_clients_are_found_with_tokens_and_requests_of_a_day(
    world: World, client: ApiClient
) -> None:
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    for ago, requests in ((0, 3), (5, 4), (30, 100)):
        start = hour - timedelta(hours=ago)
        ClientUsage.objects.create(client=client, hour=start, requests=requests)
    for name in ("one", "two"):
        mint_token(client, name=name, scopes=["bots:read"], days=1)
    ended = MintedToken.objects.get(name="two").token
    ended.expires = now
    ended.save()
    # Ids are found as well, and random ones hold any two letters now and then.
    for number, other in enumerate(ApiClient.objects.exclude(pk=client.pk)):
        ApiClient.objects.filter(pk=other.pk).update(client_id=f"another-{number}")
    who = person(world.admin)
    (found,) = clientele.clients(who, text="RM", state="enabled")
    assert (found.tokens, found.requests) == (1, 7)
    assert not clientele.clients(who, text="crm", state="disabled")
    assert list(clientele.clients(who)) == [client, world.dialer]


def test_usage_has_no_gaps_and_sums_up(client: ApiClient) -> None:
    now = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    for hour, requests, refused in (
        (datetime(2026, 11, 21, 0, tzinfo=UTC), 5, 1),
        (datetime(2026, 11, 20, 1, tzinfo=UTC), 7, 2),
        (datetime(2026, 11, 20, 0, tzinfo=UTC), 11, 3),
        (datetime(2026, 10, 23, 0, tzinfo=UTC), 13, 0),
        (datetime(2026, 10, 22, 23, tzinfo=UTC), 17, 0),
    ):
        ClientUsage.objects.create(client=client, hour=hour, requests=requests, refused=refused)
    usage = clientele.usage(client, now)
    assert (len(usage.hours), len(usage.days)) == (24, 30)
    assert (usage.day.requests, usage.day.refused) == (12, 3)
    assert (usage.month.requests, usage.month.refused) == (36, 6)
    assert [span.requests for span in usage.days][-2:] == [18, 5]
    assert usage.days[0].requests == 13


def test_the_bots_that_let_a_client_dial_out_are_found_by_what_they_inherit(
    world: World, client: ApiClient
) -> None:
    listing = {"dialoutClients": [client.client_id, "other"]}
    base = Bot.objects.create(name="base", is_base=True, params=listing)
    Bot.objects.create(name="heir", base=base)
    Bot.objects.create(name="own", base=base, params={"dialoutClients": []})
    Bot.objects.create(name="alone")
    who = person(world.admin)
    allowing, others = clientele.dialling_bots(who, client)
    assert [bot.name for bot in allowing] == ["heir"]
    assert [bot.name for bot in others] == ["alone", "own"]
    api_client_update(client, bots=["alone"])
    allowing, others = clientele.dialling_bots(who, ApiClient.objects.get(pk=client.pk))
    assert (allowing, [bot.name for bot in others]) == ([], ["alone"])


def test_old_counts_are_deleted(client: ApiClient) -> None:
    now = timezone.now()
    for days in (1, 89, 91):
        ClientUsage.objects.create(client=client, hour=now - timedelta(days=days))
    forget_client_usage()
    assert ClientUsage.objects.count() == 2
