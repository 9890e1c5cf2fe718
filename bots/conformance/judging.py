"""What can be said of a bot's words by looking at them; pure."""

import re
from collections.abc import Iterator
from typing import Any

from bots.core.activities import Activity, Json
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue
from bots.core.ssml import is_readable, is_ssml

SHORTEST_EXPIRY_S = 20
"""A conversation that lives shorter is refreshed more often than every 10 s."""
_TAG = re.compile(r"</?(speak|break|prosody|say-as|voice|emphasis|audio|phoneme|sub|p|s)\b[^<>]*>")


def markup_problems(activity: Activity) -> Iterator[str]:
    """What is wrong with the text of a message."""
    if activity.kind != "message":
        return
    text = activity.text or ""
    if not text.strip():
        yield "a message without text"
    elif is_ssml(text):
        if not is_readable(text):
            yield f"SSML that cannot be read: {text}"
    elif _TAG.search(text):
        yield f"markup outside <speak>, which is read out as text: {text}"


def settings_problems(activity: Activity, known: Catalogue) -> Iterator[str]:
    """Which parameters of ``activity`` the gateway cannot take.

    Parameters of an action (``transferTarget``) are no settings: of events only ``config`` is
    looked at.
    """
    scopes: list[tuple[Level, Json | None]] = [(Level.SESSION, activity.session_params)]
    if activity.kind == "message":
        scopes.append((Level.ACTIVITY, activity.activity_params))
    elif activity.event == "config":
        scopes.append((Level.SESSION, activity.activity_params))
    for level, values in scopes:
        for name, problem in known.problems(level, values or {}).items():
            yield f"{name}: {problem}"


def creation_problems(answer: Json) -> Iterator[str]:
    """What the answer that creates a conversation lacks, beside what it cannot go on without."""
    for name in ("refreshURL", "disconnectURL"):
        if not answer.get(name):
            yield f"no {name}"
    expires: Any = answer.get("expiresSeconds")
    if expires is None:
        yield "no expiresSeconds; 60 s are assumed"
    elif isinstance(expires, bool) or not isinstance(expires, int | float):
        yield "expiresSeconds is no number"
    elif not expires >= SHORTEST_EXPIRY_S:
        yield f"expiresSeconds is {expires}, less than {SHORTEST_EXPIRY_S}"
