"""The pages of API clients, as people meet them."""

import json
import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bots import access
from bots.models import ApiClient, Bot, MintedToken
from bots.services import api_client_create, bot_create, provider_create
from bots.services.clients import mint_token
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db

GOOD: dict[str, object] = {
    "name": "crm",
    "scopes": ["actions:dialout", "calls:read"],
    "reach": "all",
    "rate_per_second": 50,
    "dialouts_per_second": 5,
    "max_dialouts": 50,
    "sign_notifications": "on",
}


@pytest.fixture
def manager(world: World) -> Client:
    return browser(world.people["account-manager"])


@pytest.fixture
def client_row() -> ApiClient:
    return api_client_create(name="crm", scopes=["bots:read", "calls:read"])[0]


def page(client: Client, address: str = "/clients/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def code(text: str, name: str) -> str:
    found = re.search(rf'<code id="{name}">(.*?)</code>', text, re.DOTALL)
    assert found
    return found.group(1).strip()


def test_an_empty_list_says_how_to_begin(manager: Client, world: World) -> None:
    world.dialer.delete()
    shown = page(manager)
    assert "No machine calls the API yet" in shown
    assert "manage.py apiclient create" in shown


def test_clients_are_listed_without_secrets(manager: Client, client_row: ApiClient) -> None:
    shown = page(manager)
    assert shown.index("crm</a>") < shown.index("dialer</a>")
    assert client_row.client_id in shown
    assert client_row.client_secret not in shown
    assert "dialer</a>" not in page(manager, "/clients/?q=CRM")
    assert "No client matches" in page(manager, "/clients/?state=disabled&page=x")


def test_a_client_is_made_and_its_secrets_shown_once(manager: Client) -> None:
    answer = manager.post("/clients/new/", GOOD)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    text = answer.content.decode()
    made = ApiClient.objects.get(name="crm")
    secret = code(text, "once-secret")
    assert access.client_with(made.client_id, secret) == made
    assert code(text, "once-signing").startswith("whsec_")
    assert f"{made.client_id}:{secret}" in code(text, "try-token")
    assert "/api/v1/calls" in code(text, "try-call")
    assert "/api/v1/actions/dialout" in code(text, "try-dialout")
    assert secret not in page(manager, f"/clients/{made.pk}/")


def test_every_wrong_field_shows_at_once_and_nothing_is_lost(manager: Client) -> None:
    wrong = {**GOOD, "name": "", "scopes": [], "allowed_networks": "x y", "max_dialouts": "0"}
    answer = manager.post("/clients/new/", wrong)
    form = answer.context["form"]
    assert set(form.errors) == {"name", "scopes", "allowed_networks", "max_dialouts"}
    assert "x y</textarea>" in answer.content.decode()
    assert not ApiClient.objects.filter(name="crm").exists()


def test_settings_are_changed(manager: Client, client_row: ApiClient) -> None:
    Bot.objects.create(name="retail")
    address = f"/clients/{client_row.pk}/settings/"
    assert 'value="calls:read" checked' in page(manager, address)
    changed = {
        **GOOD,
        "reach": "listed",
        "bots": ["retail"],
        "notify_hosts": "a.example\r\nb.example",
    }
    assert manager.post(address, changed).status_code == 302
    client_row.refresh_from_db()
    assert client_row.allowed_scopes == ["actions:dialout", "calls:read"]
    assert client_row.notify_hosts == ["a.example", "b.example"]
    assert [bot.name for bot in client_row.bots.all()] == ["retail"]
    assert not client_row.all_bots
    assert manager.post(address, {**changed, "bots": ["nobody"]}).context["form"].errors["bots"]


def test_a_token_is_minted_shown_once_and_revoked(manager: Client, client_row: ApiClient) -> None:
    address = f"/clients/{client_row.pk}/tokens/"
    assert "No token is minted" in page(manager, address)
    sent = {"name": "nightly", "days": "30", "scopes": ["calls:read"]}
    answer = manager.post(address, sent)
    raw = code(answer.content.decode(), "once-token")
    grant = access.access_token(raw)
    assert grant is not None
    assert access.scopes_of(grant) == {"calls:read"}
    shown = page(manager, address)
    assert "nightly" in shown
    assert "by account-manager" in shown
    assert raw not in shown
    minted = MintedToken.objects.get()
    assert manager.post(f"{address}{minted.pk}/revoke/").status_code == 302
    assert not access.access_token(raw)
    assert manager.post(f"{address}{minted.pk}/revoke/").status_code == 404
    assert manager.post(address, {**sent, "days": "400"}).context["form"].errors["days"]
    assert manager.post(address, {**sent, "scopes": ["bots:write"]}).context["form"].errors


def test_secrets_are_rotated(manager: Client, client_row: ApiClient) -> None:
    address = f"/clients/{client_row.pk}/"
    answer = manager.post(f"{address}rotate/", {"overlap_hours": "1"})
    secret = code(answer.content.decode(), "once-secret")
    assert access.client_with(client_row.client_id, secret) == client_row
    assert "still good until" in page(manager, address)
    answer = manager.post(f"{address}rotate-notifications/")
    assert code(answer.content.decode(), "once-signing").startswith("whsec_")
    assert manager.post(f"{address}rotate/", {"overlap_hours": "9"}).status_code == 302
    assert access.client_with(client_row.client_id, secret) == client_row


def test_a_client_is_disabled_enabled_and_deleted(manager: Client, client_row: ApiClient) -> None:
    address = f"/clients/{client_row.pk}/"
    for do, enabled in (("disable", False), ("enable", True)):
        assert manager.post(f"{address}{do}/").status_code == 302
        client_row.refresh_from_db()
        assert client_row.enabled is enabled
    assert manager.post(f"{address}delete/").headers["location"] == "/clients/"
    assert not ApiClient.objects.filter(pk=client_row.pk).exists()


def test_bots_let_a_client_dial_out_by_who_may_change_them(
    world: World, manager: Client, client_row: ApiClient
) -> None:
    provider = provider_create(name="script", kind="bot", plugin="script")
    bot = bot_create(name="retail", author="anna", provider=provider)
    address = f"/clients/{client_row.pk}/bots/"
    shown = page(manager, address)
    assert "it lacks the scope actions:dialout" in shown
    assert "needs the role operator" in shown
    add = {"do": "add", "bot": "retail"}
    assert manager.post(address, add).status_code == 403
    admin = browser(world.admin)
    assert admin.post(address, add).status_code == 302
    bot.refresh_from_db()
    assert bot.params["dialoutClients"] == [client_row.client_id]
    assert "Remove retail" in page(admin, address)
    assert manager.post(address, {"do": "remove", "bot": "retail"}).status_code == 403
    admin.post(address, {"do": "remove", "bot": "retail"})
    bot.refresh_from_db()
    assert bot.params["dialoutClients"] == []
    assert admin.post(address, {"do": "add", "bot": "nobody"}).status_code == 302


def test_who_reaches_some_bots_sees_only_clients_within(client_row: ApiClient) -> None:
    bot = Bot.objects.create(name="retail")
    within, _ = api_client_create(name="within", scopes=["bots:read"], bots=["retail"])
    narrow = browser(with_role("account-manager", name="narrow", bots=[bot]))
    shown = page(narrow)
    assert "within</a>" in shown
    assert "crm</a>" not in shown
    assert narrow.get(f"/clients/{client_row.pk}/").status_code == 404
    assert page(narrow, f"/clients/{within.pk}/")
    answer = narrow.post("/clients/new/", {**GOOD, "name": "wide"})
    assert set(answer.context["form"].errors) == {"bots"}


def test_the_list_takes_so_many_queries_whatever_its_length(
    manager: Client,
    client_row: ApiClient,
    repository: Path,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Bot.objects.create(name="retail")
    for number in range(5):
        made, _ = api_client_create(name=f"c{number}", scopes=["bots:read"], bots=["retail"])
        mint_token(made, name="x", scopes=["bots:read"], days=1)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    page(manager)
    with django_assert_num_queries(agreed["clients:list"]):
        page(manager)
