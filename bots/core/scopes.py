"""Scopes of API clients and what each permits: the table behind tokens, API and console."""

from collections.abc import Iterable

import msgspec

from bots.core.roles import Permission as P
from bots.core.texts import gettext_noop


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an API client may be allowed; ``grants`` is what its principal may then do."""

    name: str
    title: str
    help: str
    grants: frozenset[P]


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        Scope(
            name="bots:read",
            title=gettext_noop("Read bots"),
            help=gettext_noop("See bots, their parameters and revisions, and routes."),
            grants=frozenset({P.READ_CONFIGURATION}),
        ),
        Scope(
            name="bots:write",
            title=gettext_noop("Change bots"),
            help=gettext_noop("Create, change and delete bots and routes."),
            grants=frozenset({P.READ_CONFIGURATION, P.WRITE_CONFIGURATION}),
        ),
        Scope(
            name="providers:read",
            title=gettext_noop("Read providers"),
            help=gettext_noop("See providers; their secrets are never shown."),
            grants=frozenset({P.READ_CONFIGURATION}),
        ),
        Scope(
            name="providers:write",
            title=gettext_noop("Change providers"),
            help=gettext_noop("Create, change and delete providers, their secrets included."),
            grants=frozenset({P.READ_CONFIGURATION, P.WRITE_CONFIGURATION}),
        ),
        Scope(
            name="actions:dialout",
            title=gettext_noop("Place outbound calls"),
            help=gettext_noop("Have bots call people, follow and cancel these calls."),
            # Who names a bot must be able to see that it exists.
            grants=frozenset({P.READ_CONFIGURATION}),
        ),
        Scope(
            name="calls:read",
            title=gettext_noop("Read calls"),
            help=gettext_noop("See call records and transcripts, of live calls too."),
            grants=frozenset({P.SEE_LIVE, P.READ_LIVE, P.SEE_HISTORY, P.READ_TRANSCRIPTS}),
        ),
        Scope(
            name="calls:control",
            title=gettext_noop("Act on live calls"),
            help=gettext_noop("Send activities into live calls, transfer and end them."),
            grants=frozenset({P.SEE_LIVE, P.CONTROL_CALLS}),
        ),
        Scope(
            name="alarms:read",
            title=gettext_noop("Read alarms"),
            help=gettext_noop("See active and past alarms."),
            grants=frozenset({P.SEE_ALARMS}),
        ),
        Scope(
            name="alarms:write",
            title=gettext_noop("Handle alarms"),
            help=gettext_noop(
                "Acknowledge, silence and clear alarms; change their rules and the destinations "
                "they are sent to, secrets included."
            ),
            grants=frozenset({P.SEE_ALARMS, P.HANDLE_ALARMS}),
        ),
        Scope(
            name="system:drain",
            title=gettext_noop("Drain processes"),
            help=gettext_noop(
                "Have processes of the gateway take no more calls, before an upgrade for example."
            ),
            grants=frozenset({P.DRAIN}),
        ),
        Scope(
            name="voice:connect",
            title=gettext_noop("Connect calls"),
            help=gettext_noop("Connect phone calls to bots that ask for an OAuth token."),
            grants=frozenset(),
        ),
    )
}
"""Every scope by name, in the order in which people see them."""


def permissions(names: Iterable[str]) -> frozenset[P]:
    """What a client with the scopes ``names`` may do; names that do not exist grant nothing."""
    return frozenset[P]().union(*(SCOPES[name].grants for name in names if name in SCOPES))
