"""Scopes: the table of what each permits."""

import pytest

from bots.core.roles import Permission
from bots.core.scopes import SCOPES, permissions

pytestmark = pytest.mark.pure


def test_every_scope_has_words_of_its_own() -> None:
    assert len(SCOPES) == 11
    assert all(scope.name == name for name, scope in SCOPES.items())
    for field in ("title", "help"):
        words = [getattr(scope, field) for scope in SCOPES.values()]
        assert all(words)
        assert len(set(words)) == len(words)


def test_several_scopes_permit_what_each_does_and_unknown_ones_nothing() -> None:
    found = permissions(["bots:read", "calls:control", "no:such"])
    assert found == {Permission.READ_CONFIGURATION, Permission.SEE_LIVE, Permission.CONTROL_CALLS}
    assert permissions([]) == frozenset()
    assert permissions(["voice:connect"]) == frozenset()


def test_no_scope_permits_managing_people_clients_or_the_system() -> None:
    never = {
        Permission.MANAGE_PEOPLE,
        Permission.MANAGE_CLIENTS,
        Permission.ADMINISTER,
        Permission.READ_AUDIT,
        Permission.DELETE_CALLS,
    }
    assert not permissions(SCOPES) & never


def test_only_scopes_to_write_permit_writing() -> None:
    writing = {name for name in SCOPES if Permission.WRITE_CONFIGURATION in permissions([name])}
    assert writing == {"bots:write", "providers:write"}
