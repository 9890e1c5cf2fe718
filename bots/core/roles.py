"""Roles of people and what each permits: the one table behind pages, live feed, exports and API.

The columns follow the user groups of AudioCodes Live Hub (Monitor, Call Control, Call Data Manager,
Account Manager, Administrator).
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Permission(StrEnum):
    """One thing a person may do; the value is stable and shown to people who lack it."""

    READ_CONFIGURATION = "configuration.read"
    """See bots, providers and routes."""
    WRITE_CONFIGURATION = "configuration.write"
    PLACE_TEST_CALLS = "calls.test"
    """Talk to a bot from the browser; the texts of test calls are for whoever may place them."""
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
    ADMINISTER = "administer"
    """See the state of the system, grant the role of administrator."""


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
            title="Viewer",
            help="Sees configuration, live calls and call records, but not what is said.",
            grants=frozenset({*_EVERYBODY, P.SEE_LIVE, P.SEE_HISTORY}),
        ),
        Role(
            name="operator",
            title="Operator",
            help="Configures bots, providers and routes and tries them by test calls.",
            grants=frozenset(
                {
                    *_EVERYBODY,
                    P.WRITE_CONFIGURATION,
                    P.PLACE_TEST_CALLS,
                    P.SEE_LIVE,
                    P.SEE_HISTORY,
                    P.HANDLE_ALARMS,
                }
            ),
        ),
        Role(
            name="supervisor",
            title="Supervisor",
            help="Follows live calls, listens, and steps in.",
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
            title="Call-data manager",
            help="Reads, exports and deletes call records and transcripts.",
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
            title="Account manager",
            help="Manages people, their roles and API clients; reads the audit log.",
            grants=frozenset({*_EVERYBODY, P.MANAGE_PEOPLE, P.MANAGE_CLIENTS, P.READ_AUDIT}),
        ),
        Role(
            name="administrator",
            title="Administrator",
            help="May do everything.",
            grants=frozenset(P),
        ),
    )
}
"""Every role by name, from the least to the most powerful."""


def granted(names: Iterable[str]) -> frozenset[Permission]:
    """What people with the roles ``names`` may do; names of other groups grant nothing."""
    found: set[Permission] = set()
    for name in names:
        if role := ROLES.get(name):
            found |= role.grants
    return frozenset(found)
