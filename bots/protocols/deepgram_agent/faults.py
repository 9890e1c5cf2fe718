"""What went wrong at Deepgram, and whether another session can take the talk up.

Source: Deepgram "Voice Agent errors and warnings", close codes of RFC 6455 section 7.4.1. Which of
them are worth a new session is not documented there; the choice is ours.
"""

import msgspec

from bots.core.errors import Fault

_DETAIL_CHARACTERS = 200
_CODE_CHARACTERS = 100


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A session is over. ``again``: a new one, with the history of this one, may go on.

    ``detail`` begins with who failed; ``code`` is the server's name for it, or the close code.
    ``due``: it is the session's age that ended it.
    """

    fault: Fault
    code: str
    detail: str
    again: bool
    due: bool = False


_REFUSED_SETTINGS = frozenset(
    {"INVALID_SETTINGS", "AGENT_ID_NOT_SUPPORTED", "INVALID_AGENT_ID", "USER_AUDIO_FORMAT"}
)
_FAULTS = {
    "AGENT_ID_NOT_SUPPORTED": Fault.NOT_FOUND,
    "INVALID_AGENT_ID": Fault.NOT_FOUND,
    "INVALID_SETTINGS": Fault.INVALID_REQUEST,
    "USER_AUDIO_FORMAT": Fault.INVALID_REQUEST,
    "UNPARSABLE_CLIENT_MESSAGE": Fault.PROTOCOL,
    "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS": Fault.PROTOCOL,
    "SETTINGS_ALREADY_APPLIED": Fault.PROTOCOL,
    "NON_EXISTENT_FUNCTION_CALLED": Fault.PROTOCOL,
    "CLIENT_MESSAGE_TIMEOUT": Fault.TIMEOUT,
    "ASR_DRIVER_TIMEOUT": Fault.TIMEOUT,
}
_FINAL = frozenset(_FAULTS) - {"CLIENT_MESSAGE_TIMEOUT", "ASR_DRIVER_TIMEOUT"}
_TOO_OLD = "MAXIMUM_SESSION_LENGTH_REACHED"
_FINAL_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
_ABNORMAL = 1006


def of_error(code: str, description: str) -> Broken:
    """What the message ``Error`` means; codes that are not known yet are worth a new session."""
    what = "refused the settings" if code in _REFUSED_SETTINGS else "reports an error"
    return Broken(
        fault=_FAULTS.get(code, Fault.SERVER),
        code=code[:_CODE_CHARACTERS],
        detail=_detail(f"Deepgram {what}: {description} ({code})"),
        again=code not in _FINAL,
        due=code == _TOO_OLD,
    )


def of_close(code: int | None, reason: str = "") -> Broken:
    """What it means that the server closed the socket in the middle of the talk.

    Even 1000 is none of the server's business there: a talk is over when the client closes.
    """
    known = code or _ABNORMAL
    why = f": {reason}" if reason else ""
    return Broken(
        code=str(known),
        fault=Fault.PROTOCOL if known in _FINAL_CLOSES else Fault.CONNECTIVITY,
        detail=_detail(f"Deepgram closed the connection ({known}){why}"),
        again=known not in _FINAL_CLOSES,
    )


def of_refusal(status: int, reason: str) -> str:
    """In words, an upgrade that was answered with HTTP ``status``; ``reason`` is ``dg-error``."""
    what = {
        401: "does not accept the API key",
        402: "wants to be paid: the account has no credit",
        403: "does not let this API key have what the settings name",
        404: "does not know the address or the project",
        429: "has no session left: its limit of concurrent sessions is reached",
    }.get(status, "refused the connection")
    return _detail(f"Deepgram {what} (HTTP {status})" + (f": {reason}" if reason else ""))


def _detail(text: str) -> str:
    """``text`` as one printable line of bounded length."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(line.split())[:_DETAIL_CHARACTERS]
