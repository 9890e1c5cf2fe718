"""What carriers report of the calls they place, at the address that each order gave them."""

import hmac
import re
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from bots import access
from calls.core.dialout import UNDER_WAY, Outcome, State, outcome_of
from calls.dialouts.states import finish
from calls.models import Dialout

MACHINE = "machine-detected"
_CALL_ID = re.compile(r"[\x21-\x7e]{1,200}")


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """A notification of AudioCodes' dialout API; unknown fields are ignored."""

    status: str
    conversation_id: str = ""
    reason_code: str = ""
    reason: str = ""


def reported(dialout_id: UUID, token: str, report: Report, *, at: datetime) -> bool:
    """Write down what is told; False: there is no such dialout, or the token is not its.

    ``failed`` ends a dialout that was not answered, and a machine that the carrier detected one
    that was. Everything else the call itself knows better. Telling it again changes nothing.
    """
    with transaction.atomic():
        row = Dialout.objects.filter(pk=dialout_id)
        known = row.values_list("callback_digest", "cancel_requested").first()
        if known is None or not known[0]:
            return False
        digest, cancelled = known
        if not hmac.compare_digest(digest, access.digest(token)):
            return False
        if _CALL_ID.fullmatch(report.conversation_id):
            # The reply to the order, which tells the same, may come later.
            unnamed = row.filter(carrier_call_id="", state__in=UNDER_WAY)
            unnamed.update(carrier_call_id=report.conversation_id)
        _end(dialout_id, report, cancelled=cancelled, at=at)
    return True


def _end(dialout_id: UUID, report: Report, *, cancelled: bool, at: datetime) -> None:
    if report.status == "failed":
        outcome = outcome_of(
            answered=False,
            cancelled=cancelled,
            ended_by="caller",
            reason_code=report.reason_code,
            reason=report.reason,
        )
        finish(dialout_id, outcome, at=at, only_from=(State.PLACING, State.DIALING))
    elif report.status == "completed" and report.reason_code == MACHINE:
        finish(dialout_id, Outcome(State.COMPLETED, MACHINE, report.reason), at=at)
