"""Who may open what: one entry for each URL and each socket of the gateway.

A new URL needs one line in `URLS`, a new socket one in `SOCKETS`. ``page(P.X)`` can be opened by
whoever has the permission; ``page(P.X, post=P.Y)`` also takes POST from whoever has ``P.Y``;
``act(P.X)`` takes only POST. Several permissions mean any of them.
"""

from typing import Literal

import msgspec

from bots.core.roles import Permission as P

Who = tuple[P, ...] | Literal["everybody", "signed in", "machines"] | None
"""None: the method is not offered."""


class Rule(msgspec.Struct, frozen=True):
    """Who may GET and who may POST; whether it shows an object of one bot."""

    get: Who
    post: Who = None
    of: str = ""
    """``bot``, ``call``, ``client``, ``person`` or ``own``; beyond a person's reach: not found."""


def page(*get: P, post: P | tuple[P, ...] | None = None, of: str = "") -> Rule:
    """A page."""
    return Rule(get, (post,) if isinstance(post, P) else post, of)


def act(*post: P, of: str = "") -> Rule:
    """Something done by POST only."""
    return Rule(None, post, of)


def form(permission: P, of: str = "") -> Rule:
    """A page with a form that is sent back to it, both for the same people."""
    return Rule((permission,), (permission,), of)


READ, WRITE, MANAGE = P.READ_CONFIGURATION, P.WRITE_CONFIGURATION, P.MANAGE_PEOPLE

URLS: dict[str, Rule] = {
    # --- everybody and machines ---
    "livez": Rule("everybody", "everybody"),
    "readyz": Rule("everybody", "everybody"),
    "metrics": Rule("machines"),
    "metrics-process": Rule("machines"),
    "voice-probe": Rule("machines"),
    "voice-dialout-report": Rule(None, "machines"),
    "openapi": Rule("everybody"),
    "api-docs": Rule("everybody"),
    "oauth2_provider:token": Rule(None, "machines"),
    "oauth2_provider:revoke-token": Rule(None, "machines"),
    "oauth2_provider:introspect": Rule(None, "machines"),
    "oauth2_provider:oauth-server-metadata": Rule("everybody"),
    "login": Rule("everybody", "everybody"),
    "logout": Rule(None, "everybody"),
    "password_reset_confirm": Rule("everybody", "everybody"),
    "set_language": Rule(None, "everybody"),
    "javascript-catalog": Rule("everybody"),
    "csp-report": Rule(None, "everybody"),
    # --- whoever is signed in ---
    "confirm": Rule("signed in", "signed in"),
    "session": Rule("signed in"),
    "search": Rule("signed in"),
    "quick-search": Rule("signed in"),
    "profile": Rule("signed in", "signed in"),
    "profile-password": Rule(None, "signed in"),
    "sign-out-everywhere": Rule(None, "signed in"),
    # --- bots ---
    "bots:list": page(READ),
    "bots:create": page(READ, post=WRITE),
    "bots:create_rows": act(WRITE),
    "bots:bulk": form(WRITE),
    "bots:bulk_pause": act(WRITE),
    "bots:export": page(READ),
    "bots:import": form(WRITE),
    "bots:edit": page(READ, of="bot"),
    "bots:raw": page(READ, of="bot"),
    "bots:rows": act(WRITE, of="bot"),
    "bots:review": act(WRITE, of="bot"),
    "bots:save": act(WRITE, of="bot"),
    "bots:pause": act(WRITE, of="bot"),
    "bots:clone": form(WRITE, of="bot"),
    "bots:delete": form(WRITE, of="bot"),
    "bots:token": form(WRITE, of="bot"),
    "bots:revisions": page(READ, of="bot"),
    "bots:revision": page(READ, of="bot"),
    "bots:restore": form(WRITE, of="bot"),
    "bots:effective": page(READ, of="bot"),
    "bots:evaluate": act(READ, of="bot"),
    "bots:conformance": page(READ, post=WRITE, of="bot"),
    "bots:conformance_run": page(READ, of="bot"),
    "bots:compare": page(READ, of="bot"),
    # --- providers, numbers and routes ---
    "providers:list": page(READ),
    "providers:new": form(WRITE),
    "providers:page": page(READ),
    "providers:test": act(WRITE),
    "providers:parameters": page(READ),
    "providers:save": act(WRITE),
    "providers:credentials": form(WRITE),
    "providers:delete": act(WRITE),
    "providers:audio": page(WRITE),
    "providers:check_bot": act(WRITE, of="bot"),
    "routes:list": page(READ),
    "routes:new": form(WRITE),
    "routes:edit": form(WRITE),
    "routes:move": act(WRITE),
    "routes:delete": act(WRITE),
    # --- people and the audit log ---
    "people:list": page(MANAGE),
    "people:add": form(MANAGE),
    "people:roles": page(MANAGE),
    "people:person": form(MANAGE, of="person"),
    "people:link": act(MANAGE, of="person"),
    "people:unlock": act(MANAGE, of="person"),
    "people:deactivate": act(MANAGE, of="person"),
    "people:activate": act(MANAGE, of="person"),
    "people:delete": act(MANAGE, of="person"),
    "clients:list": page(P.MANAGE_CLIENTS),
    "clients:new": form(P.MANAGE_CLIENTS),
    "clients:page": page(P.MANAGE_CLIENTS, of="client"),
    "clients:settings": form(P.MANAGE_CLIENTS, of="client"),
    "clients:bots": form(P.MANAGE_CLIENTS, of="client"),
    "clients:enable": act(P.MANAGE_CLIENTS, of="client"),
    "clients:disable": act(P.MANAGE_CLIENTS, of="client"),
    "clients:delete": act(P.MANAGE_CLIENTS, of="client"),
    "clients:tokens": form(P.MANAGE_CLIENTS, of="client"),
    "clients:revoke": act(P.MANAGE_CLIENTS, of="client"),
    "clients:rotate": act(P.MANAGE_CLIENTS, of="client"),
    "clients:sign": act(P.MANAGE_CLIENTS, of="client"),
    "deliveries:list": page(P.SEE_HISTORY),
    "deliveries:destinations": page(P.SEE_HISTORY),
    "deliveries:delivery": page(P.SEE_HISTORY, of="delivery"),
    "deliveries:replay": act(WRITE, of="delivery"),
    "deliveries:replay_dead": act(WRITE, of="delivery"),
    "deliveries:close_circuit": act(WRITE, of="delivery"),
    "audit:list": page(P.READ_AUDIT),
    "audit:export": page(P.READ_AUDIT),
    # --- alarms ---
    "alarms:active": page(P.SEE_ALARMS),
    "alarms:handle": act(P.HANDLE_ALARMS),
    "alarms:news": page(P.SEE_ALARMS),
    "alarms:state": page(P.SEE_ALARMS),
    "alarms:history": page(P.SEE_ALARMS),
    "alarms:export": page(P.SEE_ALARMS),
    "alarms:types": page(P.SEE_ALARMS),
    "alarms:type": page(P.SEE_ALARMS),
    "alarms:alarm": page(P.SEE_ALARMS, of="alarm"),
    "alarms:rules": page(P.SEE_ALARMS),
    "alarms:rule": page(P.SEE_ALARMS, post=P.HANDLE_ALARMS),
    "alarms:rule_preview": act(P.HANDLE_ALARMS),
    "alarms:rule_revert": act(P.HANDLE_ALARMS),
    "alarms:mib": page(P.SEE_ALARMS),
    "alarms:destinations": page(P.SEE_ALARMS),
    "alarms:destination_new": form(P.ADMINISTER),
    "alarms:destination": page(P.SEE_ALARMS, of="destination"),
    "alarms:destination_edit": form(P.ADMINISTER, of="destination"),
    "alarms:destination_test": act(P.ADMINISTER, of="destination"),
    "alarms:destination_resend": act(P.ADMINISTER, of="destination"),
    "alarms:destination_retry": act(P.ADMINISTER, of="destination"),
    "alarms:destination_try": act(P.ADMINISTER, of="destination"),
    "alarms:destination_switch": act(P.ADMINISTER, of="destination"),
    "alarms:destination_delete": act(P.ADMINISTER, of="destination"),
    "alarms:notification": page(P.SEE_ALARMS, of="destination"),
    "alarms:notification_retry": act(P.ADMINISTER, of="destination"),
    # --- calls ---
    "calls:dashboard": page(*P),
    "calls:dashboard_part": page(P.SEE_HISTORY, P.SEE_LIVE),
    "calls:live": page(P.SEE_LIVE),
    "calls:history": page(P.SEE_HISTORY),
    "calls:export": act(P.EXPORT_CALLS),
    "calls:exports": page(P.EXPORT_CALLS),
    "calls:export_file": page(P.EXPORT_CALLS, of="own"),
    "calls:save_view": act(P.SEE_HISTORY),
    "calls:delete_view": act(P.SEE_HISTORY, of="own"),
    "calls:detail": page(P.SEE_HISTORY, of="call"),
    "calls:delete": act(P.DELETE_CALLS, of="call"),
    "calls:download": page(P.READ_TRANSCRIPTS, of="call"),
    "calls:dialouts": page(P.SEE_HISTORY),
    "calls:dialout_new": form(P.PLACE_CALLS),
    "calls:dialout": page(P.SEE_HISTORY, of="bot"),
    "calls:dialout_cancel": act(P.PLACE_CALLS, of="bot"),
    "calls:system": page(P.ADMINISTER),
    "calls:system_part": page(P.ADMINISTER),
    "calls:drain": form(P.DRAIN),
    "calls:undrain": act(P.DRAIN),
    "diagnostics": page(P.ADMINISTER),
    "calls:testcalls": page(P.PLACE_TEST_CALLS),
    "calls:testcall": page(P.PLACE_TEST_CALLS, of="bot"),
}
"""By the name of the URL, with its namespace."""

SOCKETS: dict[str, Who] = {
    "ws/live": (P.SEE_LIVE,),
    "ws/alarms": (P.SEE_ALARMS,),
    "ws/listen/<uuid:call>": (P.LISTEN,),
    "ws/call/<slug:bot>": (P.PLACE_TEST_CALLS,),
    "voice/audiocodes/<slug:bot>": "machines",
}
"""By the path of the socket."""
