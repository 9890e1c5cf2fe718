"""Activities that somebody sends into a live call in the bot's place: what is wrong with them.

They are carried out as if the bot had sent them, in its queue and behind what it said before, also
when it has left. They are no answer of the bot: what it owes it owes, and its timers go on.
"""

from collections.abc import Sequence

from bots.core.activities import Activity
from bots.core.params.reading import smuggled
from bots.core.params.sections.audio_files import AudioFiles
from calls.core import transfer, vocabulary
from calls.core.scopes import Scopes
from calls.core.transcript import spoken_text
from calls.core.vocabulary import Purpose


def names(sent: Sequence[Activity]) -> list[str]:
    """What ``sent`` are, without their content."""
    return [_name(activity) for activity in sent]


def _name(activity: Activity) -> str:
    return "message" if activity.kind == "message" else (activity.name or "")[:60]


def problem(sent: Sequence[Activity], params: Scopes) -> str:
    """Why one of ``sent`` cannot be carried out; empty when all can."""
    for position, activity in enumerate(sent, 1):
        found = _problem(activity, params)
        if found:
            return f"Activity {position}, {_name(activity) or 'without a name'}: {found}"
    return ""


def _problem(activity: Activity, params: Scopes) -> str:
    purpose, event = vocabulary.purpose(activity), activity.event
    if activity.kind not in ("message", "event"):
        return "its type must be message or event"
    if purpose is Purpose.UNKNOWN:
        return "it is not known"
    if purpose is Purpose.MESSAGE and not spoken_text(activity.text or ""):
        return "there is nothing to say in its text"
    configured_url = params[AudioFiles].play_url_url
    if purpose is Purpose.PLAY_URL and not (activity.parameter("playUrlUrl") or configured_url):
        return "it needs playUrlUrl"
    if purpose is Purpose.LEAVING and (problems := smuggled(activity)):
        return "; ".join(f"{name} {why}" for name, why in problems.items())
    if event in ("transfer", "handover") and transfer.asked_for(activity, params) is None:
        return "it needs transferTarget"
    if event == "senddtmf" and vocabulary.digits_to_send(activity) is None:
        return "it needs dtmfDigits, 1 to 20 of 0-9, * and #"
    if event == "sendmetadata" and vocabulary.metadata(activity) is None:
        return "it needs a value"
    return ""
