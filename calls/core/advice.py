"""What a failed call means, who is at fault and what to do next: one entry per cause.

The causes are those of `calls.core.closing.Cause`, the fault of a service such as ``tts:timeout``,
and ``process-lost`` of a call whose process went away.
"""

from enum import StrEnum

import msgspec

from bots.core.errors import Fault
from calls.core.closing import Cause


class Owner(StrEnum):
    """Who has to act, or whose doing it was."""

    CALLER = "caller"
    BOT = "bot"
    STT = "stt"
    TTS = "tts"
    CARRIER = "carrier"
    GATEWAY = "gateway"
    OPERATOR = "operator"


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """``meaning`` and ``remedy`` are whole English sentences, marked for translation."""

    owner: Owner
    meaning: str
    remedy: str


def gettext_noop(text: str) -> str:
    """Mark ``text`` for translation; it is translated where it is shown."""
    return text


_ = gettext_noop

_SERVICES = {"bot": Owner.BOT, "stt": Owner.STT, "tts": Owner.TTS, "channel": Owner.CARRIER}

_FAILED = {
    Owner.BOT: _("The bot could not answer, so the conversation could not go on."),
    Owner.STT: _("The recogniser failed, so the gateway no longer understood the caller."),
    Owner.TTS: _("The synthesiser failed, so the caller could not hear the bot."),
    Owner.CARRIER: _("The voice connection failed."),
}

_KEY = _("The service refused the credentials. Replace them in the provider and test it.")
_ADDRESS = _("The service could not be reached. Check its address, DNS, firewall and certificate.")
_SLOW = _("The service was too slow. Look at the waterfall and at the provider's own status page.")
_LIMIT = _("The service has no capacity left for this account. Raise its limit, or spread calls.")
_THEIRS = _("The service reported an error of its own. Look at its status page, then at its logs.")
_REQUEST = _("The service did not accept what was asked. Check model, voice, language and region.")
_REPORT = _("This is an error in the gateway. Report it with the call id; the log has the details.")

_REMEDIES = {
    Fault.AUTHENTICATION: _KEY,
    Fault.AUTHORIZATION: _KEY,
    Fault.INVALID_REQUEST: _REQUEST,
    Fault.NOT_FOUND: _REQUEST,
    Fault.RATE_LIMIT: _LIMIT,
    Fault.QUOTA: _LIMIT,
    Fault.CONNECTIVITY: _ADDRESS,
    Fault.TIMEOUT: _SLOW,
    Fault.SERVER: _THEIRS,
    Fault.PROTOCOL: _THEIRS,
    Fault.INTERNAL: _REPORT,
}

_ENDINGS: dict[str, Advice] = {
    Cause.USER_NO_INPUT: Advice(
        owner=Owner.CALLER,
        meaning=_("The caller said nothing for as long as the bot waits."),
        remedy=_(
            "When it happens often, listen to such a call: a prompt that asks nothing, a gate that "
            "is closed, or a line without sound looks the same. The wait is userNoInputTimeoutMS."
        ),
    ),
    Cause.BOT_NO_INPUT: Advice(
        owner=Owner.BOT,
        meaning=_("The bot did not answer within the time it is given."),
        remedy=_("Look for the turn in the bot's own log. The wait is botNoInputTimeoutMS."),
    ),
    Cause.MAX_DURATION: Advice(
        owner=Owner.GATEWAY,
        meaning=_("The call reached the longest duration that is set for this bot."),
        remedy=_("Raise the limit when calls are rightly that long."),
    ),
    Cause.PLACEHOLDER: Advice(
        owner=Owner.OPERATOR,
        meaning=_("A placeholder in the bot's configuration could not be filled."),
        remedy=_("Correct the expression named in the reason, in the bot's configuration."),
    ),
    Cause.PLAY_URL: Advice(
        owner=Owner.BOT,
        meaning=_("An audio file that the bot wanted played could not be fetched or read."),
        remedy=_("Check the file's address and format, and that the gateway may reach it."),
    ),
    Cause.TRANSFER: Advice(
        owner=Owner.CARRIER,
        meaning=_("The transfer did not happen, and the caller lost the call."),
        remedy=_("Check the target's number and that the voice side may call it."),
    ),
    Cause.VOICE_SIDE: Advice(
        owner=Owner.CARRIER,
        meaning=_("The voice side ended the call with an error."),
        remedy=_("Look for the conversation id in the log of the session border controller."),
    ),
    Cause.CONNECTION_LOST: Advice(
        owner=Owner.CARRIER,
        meaning=_("The connection to the voice side broke and did not come back."),
        remedy=_("Look at the network and proxies between the voice side and the gateway."),
    ),
    Cause.SHUTDOWN: Advice(
        owner=Owner.OPERATOR,
        meaning=_("The gateway was stopped while the call was going on."),
        remedy=_("Give calls longer to end before a restart."),
    ),
    Cause.INTERNAL: Advice(
        owner=Owner.GATEWAY,
        meaning=_("The gateway failed in this call; other calls were not touched."),
        remedy=_REPORT,
    ),
    "process-lost": Advice(
        owner=Owner.GATEWAY,
        meaning=_("The gateway's process that carried the call went away without a word."),
        remedy=_("Look for a crash, a lack of memory or a restart of the machine at that moment."),
    ),
}


def advice(cause: str) -> Advice | None:
    """What ``cause`` of a call's end means; None for a call that ended in order."""
    if not cause:
        return None
    if cause in _ENDINGS:
        return _ENDINGS[cause]
    service, _colon, fault = cause.partition(":")
    owner = _SERVICES.get(service)
    if owner is None or fault not in set(Fault):
        return _ENDINGS[Cause.INTERNAL]
    return Advice(owner=owner, meaning=_FAILED[owner], remedy=_REMEDIES[Fault(fault)])
