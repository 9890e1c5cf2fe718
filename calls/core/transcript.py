"""The transcript as heard: how much of a prompt reached the caller."""

import re

from bots.core.ssml import to_text

ASSUMED_CHARS_PER_SECOND = 14.0
"""Speaking rate used when the synthesiser was cut off before the prompt's length was known."""

UNKNOWN_TEXT = "(audio)"
"""What stands for audio of which nothing is known."""


def spoken_text(text: str) -> str:
    """``text`` as it is spoken: SSML reduced to its words."""
    return to_text(text) if text.lstrip().startswith("<") else text.strip()


def heard_text(text: str, *, heard_ms: float, total_ms: float) -> str:
    """The words of ``text`` that were complete after ``heard_ms`` of ``total_ms``.

    With an unknown length (0) a usual speaking rate is assumed. A word counts as heard when its
    last letter falls inside the share that was played.
    """
    spoken = spoken_text(text)
    if total_ms > 0:
        letters = len(spoken) * min(1.0, heard_ms / total_ms)
    else:
        letters = heard_ms / 1000 * ASSUMED_CHARS_PER_SECOND
    if letters >= len(spoken):
        return spoken
    words = re.finditer(r"\S+", spoken)
    return " ".join(word.group() for word in words if word.end() <= letters)


def file_text(url: str) -> str:
    """What stands for an audio file whose text is not known; never its query, which may be secret.

    ``https://example.com/prompts/welcome.wav?key=1`` gives ``(audio welcome.wav)``.
    """
    if url.lstrip()[:5].lower() == "data:":
        return UNKNOWN_TEXT
    name = url.split("?")[0].split("#")[0].rsplit("/", 1)[-1]
    return f"(audio {name})" if name else UNKNOWN_TEXT
