"""Roles of people and what each permits: the one table behind pages, live feed, exports and API.

The columns follow the user groups of AudioCodes Live Hub (Monitor, Call Control, Call Data Manager,
Account Manager, Administrator).
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from bots.core.texts import gettext_noop


class Permission(StrEnum):
    """One thing a person may do; the value is stable and shown to people who lack it."""

    READ_CONFIGURATION = "configuration.read"
    """See bots, providers and routes."""
    WRITE_CONFIGURATION = "configuration.write"
    PLACE_TEST_CALLS = "calls.test"
    """Talk to a bot from the browser; the texts of test calls are for whoever may place them."""
    PLACE_CALLS = "calls.place"
    """Have a bot call somebody; take back outbound calls that were not answered yet."""
    SEE_LIVE = "calls.live"
    """See which calls are going on, without what is said."""
    READ_LIVE = "calls.live_text"
    """Follow what is said in live calls."""
    CONTROL_CALLS = "calls.control"
    """Hang up, transfer, say a line, write to the bot, mute it, set a live parameter."""
    LISTEN = "calls.listen"
    """Hear live calls."""
    SEE_HISTORY = "calls.history"
    """See call records and statistics, without what was said."""
    READ_TRANSCRIPTS = "calls.transcripts"
    EXPORT_CALLS = "calls.export"
    DELETE_CALLS = "calls.delete"
    SEE_ALARMS = "alarms.read"
    HANDLE_ALARMS = "alarms.handle"
    MANAGE_PEOPLE = "people.manage"
    MANAGE_CLIENTS = "clients.manage"
    READ_AUDIT = "audit.read"
    DRAIN = "system.drain"
    """Have processes take no more calls, and take that back."""
    ADMINISTER = "administer"
    """See the state of the system, grant the role of administrator."""

    @property
    def words(self) -> str:
        """What it permits in words, such as ``Hear live calls``."""
        return _WORDS[self]


_WORDS = {
    Permission.READ_CONFIGURATION: gettext_noop("See bots, providers and routes"),
    Permission.WRITE_CONFIGURATION: gettext_noop("Change bots, providers and routes"),
    Permission.PLACE_TEST_CALLS: gettext_noop("Place test calls"),
    Permission.PLACE_CALLS: gettext_noop("Place and cancel outbound calls"),
    Permission.SEE_LIVE: gettext_noop("See which calls are going on"),
    Permission.READ_LIVE: gettext_noop("Read along in live calls"),
    Permission.CONTROL_CALLS: gettext_noop("Step into live calls"),
    Permission.LISTEN: gettext_noop("Hear live calls"),
    Permission.SEE_HISTORY: gettext_noop("See call records and statistics"),
    Permission.READ_TRANSCRIPTS: gettext_noop("Read transcripts"),
    Permission.EXPORT_CALLS: gettext_noop("Export calls"),
    Permission.DELETE_CALLS: gettext_noop("Delete calls"),
    Permission.SEE_ALARMS: gettext_noop("See alarms"),
    Permission.HANDLE_ALARMS: gettext_noop("Handle alarms"),
    Permission.MANAGE_PEOPLE: gettext_noop("Manage people and their roles"),
    Permission.MANAGE_CLIENTS: gettext_noop("Manage API clients"),
    Permission.READ_AUDIT: gettext_noop("Read the audit log"),
    Permission.DRAIN: gettext_noop("Have processes take no more calls"),
    Permission.ADMINISTER: gettext_noop("Administer the system and its administrators"),
}


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of people is for and may do; ``name`` is that of the Django group."""

    name: str
    title: str
    help: str
    grants: frozenset[Permission]


P = Permission
_EVERYBODY = {P.READ_CONFIGURATION, P.SEE_ALARMS}

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            name="viewer",
            title=gettext_noop("Viewer"),
            help=gettext_noop(
                "Sees configuration, live calls and call records, but not what is said."
            ),
            grants=frozenset({*_EVERYBODY, P.SEE_LIVE, P.SEE_HISTORY}),
        ),
        Role(
            name="operator",
            title=gettext_noop("Operator"),
            help=gettext_noop(
                "Configures bots, providers and routes, tries them by test calls, and has bots "
                "call people."
            ),
            grants=frozenset(
                {
                    *_EVERYBODY,
                    P.WRITE_CONFIGURATION,
                    P.PLACE_TEST_CALLS,
                    P.PLACE_CALLS,
                    P.SEE_LIVE,
                    P.SEE_HISTORY,
                    P.HANDLE_ALARMS,
                }
            ),
        ),
        Role(
            name="supervisor",
            title=gettext_noop("Supervisor"),
            help=gettext_noop("Follows live calls, listens, and steps in."),
            grants=frozenset(
                {
                    *_EVERYBODY,
                    P.SEE_LIVE,
                    P.READ_LIVE,
                    P.CONTROL_CALLS,
                    P.LISTEN,
                    P.SEE_HISTORY,
                    P.READ_TRANSCRIPTS,
                    P.HANDLE_ALARMS,
                }
            ),
        ),
        Role(
            name="call-data-manager",
            title=gettext_noop("Call-data manager"),
            help=gettext_noop("Reads, exports and deletes call records and transcripts."),
            grants=frozenset(
                {
                    *_EVERYBODY,
                    P.SEE_HISTORY,
                    P.READ_TRANSCRIPTS,
                    P.EXPORT_CALLS,
                    P.DELETE_CALLS,
                }
            ),
        ),
        Role(
            name="account-manager",
            title=gettext_noop("Account manager"),
            help=gettext_noop("Manages people, their roles and API clients; reads the audit log."),
            grants=frozenset({*_EVERYBODY, P.MANAGE_PEOPLE, P.MANAGE_CLIENTS, P.READ_AUDIT}),
        ),
        Role(
            name="administrator",
            title=gettext_noop("Administrator"),
            help=gettext_noop("May do everything."),
            grants=frozenset(P),
        ),
    )
}
"""Every role by name, from the least to the most powerful."""

ADMINISTRATOR = "administrator"


def granted(names: Iterable[str]) -> frozenset[Permission]:
    """What people with the roles ``names`` may do; names of other groups grant nothing."""
    found: set[Permission] = set()
    for name in names:
        if role := ROLES.get(name):
            found |= role.grants
    return frozenset(found)


def granting(permissions: Iterable[str]) -> list[Role]:
    """The roles that grant any of ``permissions``, from the least to the most powerful."""
    wanted = set(permissions)
    return [role for role in ROLES.values() if role.grants & wanted]
