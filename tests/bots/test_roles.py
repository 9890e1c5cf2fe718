"""The table of roles, and words for all that people see of it."""

import pytest

from bots.core.auditing import Action
from bots.core.roles import ADMINISTRATOR, ROLES, Permission, granted, granting

pytestmark = pytest.mark.pure


def test_roles_add_up_and_names_of_other_groups_grant_nothing() -> None:
    assert granted([]) == granted(["staff"]) == frozenset()
    both = granted(["viewer", "call-data-manager", "staff"])
    assert both == ROLES["viewer"].grants | ROLES["call-data-manager"].grants


def test_the_administrator_may_do_everything_and_nobody_else() -> None:
    assert ROLES[ADMINISTRATOR].grants == frozenset(Permission)
    assert granting([Permission.ADMINISTER]) == [ROLES[ADMINISTRATOR]]


def test_what_is_said_in_calls_is_not_for_who_configures_or_manages_people() -> None:
    private = {Permission.READ_LIVE, Permission.LISTEN, Permission.READ_TRANSCRIPTS}
    for role in ("viewer", "operator", "account-manager"):
        assert not ROLES[role].grants & private, role


def test_the_roles_that_would_do_are_named() -> None:
    names = [role.name for role in granting(["calls.export", "people.manage"])]
    assert names == ["call-data-manager", "account-manager", "administrator"]
    assert granting(["nothing", ""]) == []


def test_every_permission_role_and_action_has_words() -> None:
    words = [permission.words for permission in Permission] + [action.words for action in Action]
    words += [text for role in ROLES.values() for text in (role.title, role.help)]
    assert all(text[:1].isupper() for text in words)
