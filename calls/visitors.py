"""The people at the other end of the console's sockets: who they are, and what they do to calls.

A socket outlives many a change of roles, so everything here looks the person up anew. It is
synchronous and queries the database; run it in a thread of its own (`calls.database.db`). What
reads private data or reaches into a call is written to the audit log in the same transaction.
"""

import ipaddress
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from bots.audit import Actor, acting, record
from bots.core import catalogue
from bots.core.auditing import Action
from bots.core.params.resolve import MASK
from bots.core.roles import Permission
from bots.guards import user_of_session
from calls.core import sending, steering
from calls.core.steering import MAX_REASON_CHARACTERS, Steering
from calls.core.wording import clean
from calls.models import Call
from calls.selectors import Sight, visible_to

NEEDS_REASON = (steering.HangUp, steering.Transfer)
"""What takes the call away from the bot is never done without saying why."""


class Refused(Exception):
    """The person may not do that; ``code`` is as in a close frame, ``reason`` is for them."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)


class Visitor:
    """Whoever opened a socket, by its session; ``scope`` is that of ASGI."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self._session_key = getattr(scope.get("session"), "session_key", None)
        self._address = _address(scope)

    def look(self) -> Sight:
        """What the person may see at this moment; nothing when signed out."""
        return visible_to(user_of_session(self._session_key))

    def follow(self, call_id: UUID, *, audited: bool) -> Call:
        """The call, whose words the person may read; recorded unless it was ``audited`` before.

        Raises:
            Refused: 4404 no such call for this person, 4403 its words are not for them.
        """
        with transaction.atomic():
            sight, call = self._call(call_id)
            if not sight.reads(call):
                raise Refused(4403)
            if not audited:
                self._record(sight, Action.CALL_FOLLOWED, call)
        return call

    def listen(self, call_id: UUID) -> Call:
        """The live call, which the person may hear; recorded.

        Raises:
            Refused: 4404 no such live call for this person, 4403 it is not for their ears.
        """
        with transaction.atomic():
            sight, call = self._call(call_id)
            if call.state != Call.State.ACTIVE:
                raise Refused(4404, _("The call has ended"))
            if not sight.may(Permission.LISTEN, call.bot_name):
                raise Refused(4403, _("Your role does not permit listening to calls"))
            self._record(sight, Action.CALL_LISTENED, call)
        return call

    def hears(self, call_id: UUID) -> bool:
        """Whether the person may still hear a call they listen to."""
        try:
            sight, call = self._call(call_id)
        except Refused:
            return False
        return sight.may(Permission.LISTEN, call.bot_name)

    def meter(self, call_id: UUID) -> Call:
        """The call, of which the person may see how loud it is.

        Raises:
            Refused: they may neither hear nor read it, or there is no such call for them.
        """
        sight, call = self._call(call_id)
        if not may_meter(sight, call):
            raise Refused(4403)
        return call

    def step_in(self, call_id: UUID, act: Steering, reason: str) -> str:
        """Record that the person has ``act`` done in the call; answers their name.

        Raises:
            Refused: the call is not theirs to control, is over, or the reason is missing.
        """
        if isinstance(act, steering.Activities) and not reason.strip():  # one may be a hang-up
            raise Refused(4400, _("Give a reason: it goes into the audit log"))
        with transaction.atomic(), self._acting(sight := self.look()):
            step_in(sight, call_id, act, reason)
        return sight.who.name

    def _call(self, call_id: UUID) -> tuple[Sight, Call]:
        sight = self.look()
        return sight, _visible(sight, call_id)

    def _record(self, sight: Sight, action: Action, call: Call) -> None:
        with self._acting(sight):
            record(action, kind="call", target=call.pk, title=str(call))

    def _acting(self, sight: Sight) -> AbstractContextManager[None]:
        who = sight.who
        return acting(Actor(name=who.name, user_id=who.user_id, address=self._address))


def step_in(sight: Sight, call_id: UUID, act: Steering, reason: str) -> Call:
    """Record that whoever acts (see `bots.audit`) has ``act`` done in the call.

    Raises:
        Refused: 4404 no such call for them, 4409 it is over, 4403 it is not theirs to control, 4400
            the reason is missing.
    """
    reason = clean(reason, MAX_REASON_CHARACTERS).strip()
    with transaction.atomic():
        call = _visible(sight, call_id)
        if not sight.may(Permission.CONTROL_CALLS, call.bot_name):
            raise Refused(4403, _("Your role does not permit stepping into calls"))
        if call.state != Call.State.ACTIVE:
            raise Refused(4409, _("The call has ended"))
        if isinstance(act, NEEDS_REASON) and not reason:
            raise Refused(4400, _("Give a reason: it goes into the audit log"))
        record(
            Action.CALL_CONTROLLED,
            kind="call",
            target=call.pk,
            title=str(call),
            after=_shown(act),
            message=reason,
        )
    return call


def _visible(sight: Sight, call_id: UUID) -> Call:
    call = sight.calls().filter(pk=call_id).defer("bot_result").first()
    if call is None:
        raise Refused(4404, _("There is no such call"))
    return call


def may_meter(sight: Sight, call: Call) -> bool:
    """Whether the person may see how loud the sides of ``call`` are."""
    hears = sight.covers(call.bot_name) and sight.may(Permission.LISTEN, call.bot_name)
    return hears or sight.reads_live(call.bot_name, is_test=call.is_test)


def _shown(act: Steering) -> dict[str, Any]:
    """``act`` as the audit log keeps it; of activities only what they are."""
    if isinstance(act, steering.Activities):
        return {"do": "activities", "activities": sending.names(act.activities)}
    if isinstance(act, steering.ControlAgent):  # the rest may hold keys of the agent's services
        return {"do": "agent", "type": act.message.get("type")}
    shown: dict[str, Any] = msgspec.to_builtins(act)
    known = catalogue.everything()
    if isinstance(act, steering.SetParameter) and act.name in known:
        secret = known[act.name].param.secret and act.value is not None
        shown["value"] = MASK if secret else act.value
    return shown


def _address(scope: dict[str, Any]) -> str | None:
    host = (scope.get("client") or ("",))[0]
    try:
        return str(ipaddress.ip_address(host or ""))
    except ValueError:  # a Unix socket
        return None
