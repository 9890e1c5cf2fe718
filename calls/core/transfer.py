"""A transfer as the bot asks for it: target, reason and what goes to the voice side (6.13.1)."""

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.params.sections.call_control import CallControl
from calls.core import commands
from calls.core.scopes import Scopes


class Transfer(msgspec.Struct, frozen=True):
    """Where the call goes and why; ``notify``: the bot stays to hear the outcome."""

    target: str
    reason: str
    notify: bool
    activity: Activity

    def command(self) -> commands.TransferCall:
        """What the voice side is to do."""
        return commands.TransferCall(target=self.target, reason=self.reason, activity=self.activity)


def asked_for(activity: Activity, params: Scopes) -> Transfer | None:
    """The transfer that ``activity`` asks for; what it leaves out is configured.

    None when neither names a target. Arguments that are no parameters of ours go on to the voice
    side as they came.
    """
    control = params[CallControl]
    target = str(activity.parameter("transferTarget") or control.transfer_target)
    if not target:
        return None
    reason = str(activity.parameter("handoverReason") or control.handover_reason)
    notify = activity.parameter("transferNotifications")
    notify = control.transfer_notifications if notify is None else str(notify).lower() == "true"
    configured: Json = {
        "transferReferredByURL": control.transfer_referred_by_url,
        "transferSipHeaders": [header.model_dump() for header in control.transfer_sip_headers],
    }
    arguments = {name: value for name, value in configured.items() if value}
    arguments |= activity.activity_params or {}
    arguments |= {"transferTarget": target, "handoverReason": reason}
    arguments["transferNotifications"] = notify
    given = {name: value for name, value in arguments.items() if value}
    return Transfer(target, reason, notify, activities.event("transfer", activity_params=given))
