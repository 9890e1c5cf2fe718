"""People: who may see and change which account, what a change does, the pages about it."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from bots.core.auditing import Action
from bots.core.errors import Denied, ParameterError
from bots.models import AuditEvent, Bot, Member
from bots.people import NOBODY, Person, person
from bots.services.people import (
    Account,
    account_of,
    password_link,
    person_create,
    person_delete,
    person_update,
    preferences_update,
    unlock,
)
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]

GOOD = "a-long-pass-phrase"


@pytest.fixture
def bots(db: None) -> dict[str, Bot]:
    base = Bot.objects.create(name="base", is_base=True)
    heirs = {name: Bot.objects.create(name=name, base=base) for name in ("retail", "billing")}
    return {"base": base, **heirs, "other": Bot.objects.create(name="other")}


def manager(world: World) -> Person:
    return person(world.people["account-manager"])


# --- who somebody is ------------------------------------------------------------------------------


def test_nobody_may_do_anything(world: World, bots: dict[str, Bot]) -> None:
    for user in (world.stranger, world.former):
        who = person(user)
        assert who == NOBODY
        assert not who.visible_bots().exists()
        assert not who.visible_people().exists()
    assert person(world.newcomer).permissions == frozenset()


def test_listed_bots_bring_the_base_bots_above_them_into_sight(bots: dict[str, Bot]) -> None:
    who = person(with_role("operator", name="otto", bots=[bots["retail"]]))
    assert {bot.name for bot in who.visible_bots()} == {"retail", "base"}
    assert who.may_change(bots["retail"])
    assert not who.may_change(bots["base"])
    assert not who.may_change(bots["other"])
    assert not who.may_change_shared
    assert person(with_role("operator")).may_change(bots["base"])


def test_who_reaches_some_bots_sees_only_people_who_reach_no_others(
    world: World, bots: dict[str, Bot]
) -> None:
    near = with_role("viewer", name="near", bots=[bots["retail"]])
    with_role("viewer", name="far", bots=[bots["retail"], bots["other"]])
    reach = [bots["retail"], bots["billing"]]
    scoped = with_role("account-manager", name="scoped", bots=reach)
    assert set(person(scoped).visible_people()) == {near, scoped}
    assert world.admin in manager(world).visible_people()


def test_nobody_manages_themselves_and_administrators_only_one_of_them(world: World) -> None:
    who, admin = manager(world), person(world.admin)
    assert who.may_manage(world.people["operator"])
    assert not who.may_manage(world.people["account-manager"])
    assert not who.may_manage(world.people["administrator"])
    assert not who.may_manage(world.admin)
    assert admin.may_manage(world.people["administrator"])
    assert not admin.may_manage(world.admin)
    assert not person(world.people["operator"]).may_manage(world.newcomer)


# --- services -------------------------------------------------------------------------------------


def test_a_person_is_added_with_roles_and_reach(world: World, bots: dict[str, Bot]) -> None:
    account = Account(email="vera@example.com", roles=["viewer"], bots=["retail"])
    user = person_create(manager(world), " vera ", account, password=GOOD)
    assert user.username == "vera"
    assert user.check_password(GOOD)
    assert account_of(user) == Account(
        email="vera@example.com", roles=frozenset({"viewer"}), bots=frozenset({"retail"})
    )
    event = AuditEvent.objects.get()
    assert (event.action, event.target, event.title) == (
        Action.PERSON_CREATED,
        str(user.pk),
        "vera",
    )
    assert GOOD not in json.dumps([event.before, event.after])


def test_all_that_is_wrong_is_told_at_its_field(world: World) -> None:
    account = Account(email="no address", roles=["king"], bots=["nowhere"])
    with pytest.raises(ParameterError) as refused:
        person_create(manager(world), "Viewer", account, password="12345")
    assert set(refused.value.problems) == {"name", "email", "roles", "bots", "password"}
    with pytest.raises(ParameterError) as refused:
        person_create(manager(world), "a b", Account(), password=None)
    assert set(refused.value.problems) == {"name"}


def test_only_an_administrator_makes_administrators(world: World) -> None:
    account = Account(roles=["administrator"])
    with pytest.raises(ParameterError, match="roles"):
        person_create(manager(world), "vera", account, password=GOOD)
    with pytest.raises(ParameterError, match="roles"):
        person_update(manager(world), world.newcomer, account)
    person_update(person(world.admin), world.newcomer, account)
    assert (
        person(User.objects.get(pk=world.newcomer.pk)).permissions
        == person(world.admin).permissions
    )


def test_who_reaches_some_bots_gives_no_more(world: World, bots: dict[str, Bot]) -> None:
    who = person(with_role("account-manager", name="scoped", bots=[bots["retail"]]))
    for reach in (None, ["other"], ["retail", "other"]):
        with pytest.raises(ParameterError, match="bots"):
            person_create(who, "vera", Account(bots=reach), password=GOOD)
    person_create(who, "vera", Account(bots=["retail"]), password=GOOD)
    with pytest.raises(Denied):
        person_update(who, world.newcomer, Account(bots=["retail"]))


@pytest.mark.parametrize("change", [unlock, person_delete, password_link])
def test_accounts_out_of_reach_are_not_changed(world: World, change: Any) -> None:
    for role, user in (
        ("operator", world.newcomer),
        ("account-manager", world.admin),
        ("account-manager", world.people["account-manager"]),
    ):
        with pytest.raises(Denied):
            change(person(world.people[role]), user)
    assert not AuditEvent.objects.exists()


def test_the_last_active_administrator_stays(world: World) -> None:
    who, other = person(world.admin), world.people["administrator"]
    User.objects.filter(pk=world.admin.pk).update(is_active=False)
    for account in (Account(roles=["viewer"]), Account(roles=["administrator"], active=False)):
        with pytest.raises(ParameterError, match="last active administrator"):
            person_update(who, other, account)
    with pytest.raises(ParameterError, match="last active administrator"):
        person_delete(who, other)
    User.objects.filter(pk=world.admin.pk).update(is_active=True)
    person_delete(who, other)
    assert not User.objects.filter(pk=other.pk).exists()


def test_a_superuser_who_is_no_administrator_any_more_is_none_in_any_way(world: World) -> None:
    who = person(world.people["administrator"])
    person_update(who, world.admin, Account(roles=["viewer"]))
    assert account_of(User.objects.get(pk=world.admin.pk)).roles == {"viewer"}


def test_groups_that_are_no_roles_stay(world: World) -> None:
    world.newcomer.groups.add(Group.objects.create(name="night shift"))
    person_update(manager(world), world.newcomer, Account(roles=["viewer"]))
    names = world.newcomer.groups.values_list("name", flat=True)
    assert set(names) == {"night shift", "viewer"}


@pytest.mark.parametrize(
    ("account", "ends"),
    [
        (Account(roles=["operator"]), False),
        (Account(roles=["operator", "supervisor"]), False),
        (Account(roles=["viewer"]), True),
        (Account(roles=["operator"], bots=["retail"]), True),
        (Account(roles=["operator"], active=False), True),
    ],
)
def test_fewer_rights_end_the_sessions_of_the_person_only(
    world: World, bots: dict[str, Bot], account: Account, ends: bool
) -> None:
    theirs, others = browser(world.people["operator"]), browser(world.people["viewer"])
    person_update(manager(world), world.people["operator"], account)
    assert (theirs.get("/profile/").status_code == 302) == ends
    assert others.get("/profile/").status_code == 200


def test_a_narrower_list_of_bots_ends_sessions_and_a_wider_does_not(
    world: World, bots: dict[str, Bot]
) -> None:
    user = with_role("operator", name="otto", bots=[bots["retail"], bots["other"]])
    for reach, ends in ((["retail", "other", "billing"], False), (["billing"], True)):
        client = browser(user)
        person_update(manager(world), user, Account(roles=["operator"], bots=reach))
        assert (client.get("/profile/").status_code == 302) == ends


def test_the_audit_log_keeps_only_what_differs(world: World) -> None:
    person_update(manager(world), world.newcomer, Account(roles=["viewer"]))
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"roles": []}, {"roles": ["viewer"]})
    person_update(manager(world), world.newcomer, Account(roles=["viewer"]))
    assert AuditEvent.objects.count() == 1


def test_events_outlive_the_person(world: World) -> None:
    person_update(manager(world), world.newcomer, Account(roles=["viewer"]))
    person_delete(manager(world), world.newcomer)
    assert [event.title for event in AuditEvent.objects.all()] == ["newcomer", "newcomer"]


@pytest.mark.parametrize(
    ("wanted", "wrong"), [({"language": "xx"}, "language"), ({"time_zone": "Mars"}, "time_zone")]
)
def test_unknown_preferences_are_refused(world: World, wanted: dict[str, str], wrong: str) -> None:
    with pytest.raises(ParameterError, match=wrong):
        preferences_update(world.newcomer, **wanted)
    preferences_update(world.newcomer, language="de", time_zone="Europe/Berlin")
    preferences_update(world.newcomer, time_zone="")
    member = Member.objects.get()
    assert (member.language, member.time_zone, member.all_bots) == ("de", "", True)


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["account-manager"])


def listed(client: Client, query: str) -> set[str]:
    response = client.get(f"/people/?{query}")
    return {entry.user.username for entry in response.context["entries"]}


def test_the_list_filters_by_its_address(
    client: Client, world: World, bots: dict[str, Bot]
) -> None:
    with_role("viewer", name="scoped", bots=[bots["retail"]])
    invited = User.objects.create_user("invited", email="late@example.com")
    Member.objects.create(user=invited, source="sso")
    AccessAttempt.objects.create(
        username="viewer", ip_address="192.0.2.1", failures_since_start=5, user_agent=""
    )
    past = AccessAttempt.objects.create(
        username="operator", ip_address="192.0.2.1", failures_since_start=5, user_agent=""
    )
    AccessAttempt.objects.filter(pk=past.pk).update(attempt_time=now() - timedelta(minutes=16))
    everybody = set(User.objects.values_list("username", flat=True))
    for query, names in (
        ("", everybody),
        ("q=late%40", {"invited"}),
        ("q=retail", {"scoped"}),
        ("role=viewer", {"viewer", "scoped"}),
        ("role=administrator", {"administrator", "admin"}),
        ("role=none", {"newcomer", "former", "invited"}),
        ("state=inactive", {"former"}),
        ("state=active", everybody - {"former"}),
        ("state=invited", {"invited"}),
        ("state=locked", {"viewer"}),
        ("source=sso", {"invited"}),
        ("source=local", everybody - {"invited"}),
        ("role=king&state=ghost&source=moon&page=x", everybody),
    ):
        assert listed(client, query) == names, query


def test_the_list_makes_the_agreed_number_of_queries(client: Client, repository: Path) -> None:
    for number in range(60):
        with_role("viewer", name=f"person-{number:02}", bots=[])
    client.get("/people/")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/people/?page=2").status_code == 200
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {"people:list": len(queries)} == {"people:list": agreed["people:list"]}


def test_a_person_is_invited_by_a_link_that_works_once(client: Client, world: World) -> None:
    given = {"name": "vera", "email": "", "roles": ["viewer"], "reach": "all", "how": "link"}
    response = client.post("/people/add/", given)
    assert "no-store" in response.headers["cache-control"]
    link = re.findall(r'id="password-link">([^<]+)<', response.content.decode())[0]
    assert link.startswith("http://testserver/password/")
    visitor = Client()
    form = visitor.get(link, follow=True)
    chosen = {"new_password1": GOOD, "new_password2": GOOD}
    assert "vera" in form.content.decode()
    done = visitor.post(form.request["PATH_INFO"], chosen)
    assert done.headers["location"] == "/login/"
    assert "The password is stored." in visitor.get("/login/").content.decode()
    assert visitor.post("/login/", {"username": "vera", "password": GOOD}).status_code == 302
    again = Client().get(link, follow=True)
    assert "no longer good" in again.content.decode()


def test_a_link_is_good_for_a_day(world: World, settings: Settings) -> None:
    uid, token = password_link(manager(world), world.newcomer)
    settings.PASSWORD_RESET_TIMEOUT = -1
    late = Client().get(f"/password/{uid}/{token}/", follow=True)
    assert "no longer good" in late.content.decode()


def test_a_password_is_typed_twice_and_checked(client: Client) -> None:
    given = {"name": "vera", "roles": ["viewer"], "reach": "all", "how": "password"}
    for password, again, says in (
        ("", "", "Give a password"),
        (GOOD, "another", "passwords differ"),
        ("12345678", "12345678", "too common"),
    ):
        response = client.post("/people/add/", {**given, "password": password, "again": again})
        assert says in response.content.decode()
        assert f'value="{password or "?"}"' not in response.content.decode()
    response = client.post("/people/add/", {**given, "password": GOOD, "again": GOOD})
    assert response.headers["location"] == "/people/"
    assert User.objects.get(username="vera").check_password(GOOD)


def test_roles_and_reach_are_changed_on_the_persons_page(
    client: Client, world: World, bots: dict[str, Bot]
) -> None:
    url = f"/people/{world.newcomer.pk}/"
    assert client.get(url).status_code == 200
    client.post(url, {"roles": ["viewer"], "reach": "listed", "bots": ["retail"]})
    account = account_of(User.objects.get(pk=world.newcomer.pk))
    assert (account.roles, account.bots) == ({"viewer"}, {"retail"})
    refused = client.post(url, {"roles": ["administrator"], "reach": "all"})
    assert "Only an administrator can make somebody administrator" in refused.content.decode()


def test_actions_of_the_persons_page(client: Client, world: World) -> None:
    user = world.newcomer
    AccessAttempt.objects.create(
        username="newcomer", ip_address="192.0.2.1", failures_since_start=5, user_agent=""
    )
    assert "Unlock" in client.get(f"/people/{user.pk}/").content.decode()
    client.post(f"/people/{user.pk}/unlock/")
    assert not AccessAttempt.objects.exists()
    client.post(f"/people/{user.pk}/deactivate/")
    assert not User.objects.get(pk=user.pk).is_active
    refused = client.post(f"/people/{user.pk}/link/", follow=True)
    assert "Activate the account first" in refused.content.decode()
    client.post(f"/people/{user.pk}/activate/")
    assert User.objects.get(pk=user.pk).is_active
    client.post(f"/people/{user.pk}/delete/")
    assert not User.objects.filter(pk=user.pk).exists()


def test_ones_own_account_and_administrators_can_be_looked_at(client: Client, world: World) -> None:
    for user, says in (
        (world.people["account-manager"], "This is your own account"),
        (world.admin, "Only an administrator can change"),
    ):
        assert says in client.get(f"/people/{user.pk}/").content.decode()
        for action in ("", "link/", "unlock/", "deactivate/", "delete/"):
            response = client.post(f"/people/{user.pk}/{action}", {"reach": "all"})
            assert response.status_code == 403, action


def test_names_are_shown_as_text(client: Client) -> None:
    User.objects.create(username="<b>bold</b>", email="<script>@example.com")
    content = client.get("/people/").content.decode()
    assert "&lt;b&gt;bold&lt;/b&gt;" in content
    assert "<b>bold" not in content
