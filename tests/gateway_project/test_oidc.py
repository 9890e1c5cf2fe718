"""Single sign-on against a provider on loopback: who gets in, and with which roles."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from bots.core.auditing import Action
from bots.guards import CONFIRMED_AT
from bots.models import AuditEvent, Member
from gateway_project import console_urls, oidc
from tests.fakes.oidc import CLIENT_ID, CLIENT_SECRET, FakeProvider, serving
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.wire]

# NB Read before a test switches single sign-on on: a process makes its table once, and keeps it.
assert all(
    getattr(route, "name", "") != "oidc_authentication_init" for route in console_urls.urlpatterns
)

BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "gateway_project.oidc.SignOn",
]


@pytest.fixture
def provider(settings: Settings) -> Iterator[FakeProvider]:
    """A provider that knows an operator, and a gateway that trusts it."""
    with serving() as fake:
        settings.ROOT_URLCONF = "tests.gateway_project.oidc_urls"
        settings.AUTHENTICATION_BACKENDS = BACKENDS
        settings.SINGLE_SIGN_ON = True
        settings.OIDC_ISSUER = fake.url
        settings.OIDC_RP_CLIENT_ID = CLIENT_ID
        settings.OIDC_RP_CLIENT_SECRET = CLIENT_SECRET
        settings.OIDC_RP_SCOPES = "openid email profile"
        settings.OIDC_ROLES = {"callcentre": "supervisor", "builders": "operator"}
        settings.OIDC_ROLE_CLAIM = "groups"
        fake.claims = {
            "sub": "u-1",
            "preferred_username": "olga",
            "email": "olga@example.com",
            "email_verified": True,
            "groups": ["builders", "others"],
        }
        yield fake


def sign_on(provider: FakeProvider, client: Client, query: str = "") -> Any:
    """Goes the whole way in a browser; what the gateway answers at its end."""
    sent = client.get(f"/sso/?{query}")
    assert sent.status_code == 302
    return client.get(provider.authorize(sent.headers["location"]))


def test_a_person_signs_on_and_gets_the_roles_of_the_groups(provider: FakeProvider) -> None:
    client = Client()
    answer = sign_on(provider, client, urlencode({"next": "/bots/?q=a"}))
    assert (answer.status_code, answer.headers["location"]) == (302, "/bots/?q=a")
    user = User.objects.get(username="olga")
    assert user.email == "olga@example.com"
    assert [group.name for group in user.groups.all()] == ["operator"]
    assert not user.has_usable_password()
    assert Member.objects.get(user=user).source == "sso"
    assert client.get("/profile/").status_code == 200
    actions = set(AuditEvent.objects.filter(user=user).values_list("action", flat=True))
    assert actions == {Action.SIGNED_IN}


def test_roles_follow_the_groups_at_every_sign_on(provider: FakeProvider) -> None:
    sign_on(provider, Client())
    provider.claims |= {"groups": "callcentre", "preferred_username": "renamed"}
    sign_on(provider, Client())
    user = User.objects.get()
    assert user.username == "olga"
    assert [group.name for group in user.groups.all()] == ["supervisor"]
    changed = AuditEvent.objects.filter(action=Action.PERSON_CHANGED).latest("pk")
    assert (changed.before, changed.after) == ({"roles": ["operator"]}, {"roles": ["supervisor"]})


def test_roles_may_lie_deeper_in_the_claims(provider: FakeProvider, settings: Settings) -> None:
    settings.OIDC_ROLE_CLAIM = "realm_access.roles"
    provider.claims["realm_access"] = {"roles": ["callcentre", 7]}
    assert sign_on(provider, Client()).status_code == 302
    assert oidc.roles_of({"realm_access": "callcentre"}) == frozenset()


def test_who_has_no_role_is_told_whom_to_ask(provider: FakeProvider) -> None:
    provider.claims["groups"] = ["others"]
    client = Client()
    answer = sign_on(provider, client)
    assert answer.status_code == 403
    assert "none of your groups has a role" in answer.content.decode()
    assert User.objects.count() == 0
    assert client.get("/profile/").status_code == 302
    assert AuditEvent.objects.get().action == Action.SIGN_IN_FAILED


def test_who_was_deactivated_stays_out(provider: FakeProvider) -> None:
    sign_on(provider, Client())
    User.objects.update(is_active=False)
    answer = sign_on(provider, Client())
    assert answer.status_code == 403
    assert "deactivated" in answer.content.decode()


def test_an_account_with_the_verified_address_is_taken_over_once(provider: FakeProvider) -> None:
    known = with_role("viewer", name="o.known")
    User.objects.filter(pk=known.pk).update(email="Olga@example.com")
    maker = browser(known)
    sign_on(provider, Client())
    assert Member.objects.get(user=known).subject == "u-1"
    # Who made the account with a password gets none of the roles that come with the person.
    assert not User.objects.get(pk=known.pk).has_usable_password()
    assert maker.get("/profile/").status_code == 302
    provider.claims["sub"] = "u-2"
    sign_on(provider, Client())
    assert Member.objects.get(subject="u-2").user.username == "olga"


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_unverified_address_takes_nothing_over(provider: FakeProvider, verified: Any) -> None:
    known = with_role("viewer", name="o.known")
    User.objects.filter(pk=known.pk).update(email="olga@example.com")
    provider.claims["email_verified"] = verified
    sign_on(provider, Client())
    assert not Member.objects.filter(user=known).exists()
    assert User.objects.filter(username="olga").exists()


def test_nobody_takes_over_the_first_administrator(provider: FakeProvider) -> None:
    User.objects.create_superuser("admin", email="olga@example.com", password="x")
    sign_on(provider, Client())
    assert not Member.objects.filter(user__username="admin").exists()


def test_a_name_that_is_taken_gets_a_number(provider: FakeProvider) -> None:
    with_role("viewer", name="Olga")
    sign_on(provider, Client())
    assert Member.objects.get(subject="u-1").user.username == "olga-2"


@pytest.mark.parametrize(
    "in_token",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"aud": "another"},
        {"aud": ["gateway", "another"]},
        {"iss": "https://another.example.com"},
        {"sub": None},
        {"iat": int(time.time()) + 600},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_is_refused(
    provider: FakeProvider, in_token: dict[str, Any]
) -> None:
    provider.in_token = in_token
    answer = sign_on(provider, Client())
    assert answer.status_code == 403
    assert "could not be verified" in answer.content.decode()
    assert User.objects.count() == 0


def test_a_token_for_several_is_taken_when_it_was_issued_to_us(provider: FakeProvider) -> None:
    provider.in_token = {"aud": ["gateway", "another"], "azp": "gateway"}
    assert sign_on(provider, Client()).status_code == 302


def test_a_signature_by_another_key_is_refused(provider: FakeProvider) -> None:
    provider.strange_key = True
    assert sign_on(provider, Client()).status_code == 403


def test_information_about_somebody_else_is_refused(provider: FakeProvider) -> None:
    provider.told = {"sub": "u-9"}
    assert sign_on(provider, Client()).status_code == 403
    assert User.objects.count() == 0


def test_what_was_begun_in_another_browser_cannot_be_completed(provider: FakeProvider) -> None:
    back = provider.authorize(Client().get("/sso/").headers["location"])
    other = Client()
    assert other.get(back).status_code == 403
    other.get("/sso/")
    answer = other.get(back)
    assert answer.status_code == 403
    assert "begun in another browser" in answer.content.decode()


def test_a_code_works_once(provider: FakeProvider) -> None:
    client = Client()
    back = provider.authorize(client.get("/sso/").headers["location"])
    assert client.get(back).status_code == 302
    assert client.get(back).status_code == 403


def test_a_code_is_not_taken_at_the_sign_in_page(provider: FakeProvider) -> None:
    back = provider.authorize(Client().get("/sso/").headers["location"])
    wrong = {"username": "olga", "password": "x"}
    answer = Client().post(f"/login/?{urlsplit(back).query}", wrong)
    assert "do not match" in answer.content.decode()
    assert "POST /token" not in provider.asked


def test_only_own_pages_are_opened_afterwards(provider: FakeProvider) -> None:
    for elsewhere in ("https://evil.example.com/", "//evil.example.com/", "/\\evil.example.com"):
        answer = sign_on(provider, Client(), urlencode({"next": elsewhere}))
        assert answer.headers["location"] == "/"


def test_the_provider_may_refuse(provider: FakeProvider) -> None:
    answer = Client().get("/sso/callback/?error=access_denied")
    assert answer.status_code == 403
    assert "did not let you in" in answer.content.decode()


@pytest.mark.parametrize(
    "document", [{"issuer": "https://another.example.com"}, {"authorization_endpoint": None}]
)
def test_the_document_of_somebody_else_is_not_believed(
    provider: FakeProvider, document: dict[str, Any]
) -> None:
    provider.document = document
    answer = Client().get("/sso/")
    assert answer.status_code == 503
    assert "did not answer as it should" in answer.content.decode()


def test_while_the_provider_is_down_a_password_still_works(
    provider: FakeProvider, world: World
) -> None:
    client = Client()
    back = provider.authorize(client.get("/sso/").headers["location"])
    provider.down = True
    assert client.get(back).status_code == 503
    assert "Continue with single sign-on" in client.get("/login/").content.decode()
    right = {"username": "admin", "password": "admin"}
    assert client.post("/login/", right).status_code == 302


def test_the_discovery_document_is_fetched_once(provider: FakeProvider) -> None:
    client = Client()
    sign_on(provider, client)
    sign_on(provider, Client())
    client.get("/profile/")
    assert provider.asked.count("GET /.well-known/openid-configuration") == 1


def test_signing_on_does_not_confirm_unless_the_person_was_asked(provider: FakeProvider) -> None:
    provider.claims["groups"] = ["callcentre"]
    client = Client()
    sign_on(provider, client)
    assert client.session[CONFIRMED_AT] == 0
    page = client.get("/confirm/?next=/people/").content.decode()
    assert 'href="/sso/?again=1&amp;next=%2Fpeople%2F"' in page
    assert "password" not in page.lower().partition("<form")[2]
    sent = client.get("/sso/?again=1&next=/people/").headers["location"]
    asked = parse_qs(urlsplit(sent).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    answer = client.get(provider.authorize(sent))
    assert answer.headers["location"] == "/people/"
    assert time.time() - client.session[CONFIRMED_AT] < 60
    assert AuditEvent.objects.filter(action=Action.CONFIRMED).count() == 1


def test_the_password_does_not_confirm_somebody_of_single_sign_on(provider: FakeProvider) -> None:
    client = Client()
    sign_on(provider, client)
    user = User.objects.get()
    user.set_password("known")
    user.save()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    client.post("/confirm/", {"password": "known"})
    assert client.session[CONFIRMED_AT] == 0
