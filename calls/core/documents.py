"""A transcript as a file for people: plain text, or subtitles beside a recording (WebVTT)."""

import re
from collections.abc import Iterable, Sequence

from calls.core.publication import LiveLine

_READING_MS_PER_CHARACTER = 65
"""About 15 characters a second, as subtitles are read (and prompts are spoken)."""
_SHORTEST_MS = 1_000
_LONGEST_MS = 15_000

_SPEAKERS = {"caller": "Caller", "bot": "Bot", "operator": "Operator", "system": "Gateway"}


def plain_text(head: Iterable[tuple[str, str]], lines: Iterable[LiveLine]) -> str:
    """``head`` (names and values) and the lines, each with its place in the call and its speaker.

    What of a prompt was not heard stands in brackets.
    """
    top = [f"{name}: {_one_line(value)}" for name, value in head]
    said = [f"[{_clock(line.offset_ms)}] {_speaker(line)}: {_words(line)}" for line in lines]
    return "\n".join([*top, "", *said, ""])


def subtitles(lines: Sequence[LiveLine]) -> str:
    """What was said and pressed as WebVTT; a cue lasts until the next line at most.

    Source: W3C WebVTT, sections 4.1 (cues) and 4.2.2 (voice spans).
    """
    shown = [line for line in lines if line.kind != "event"]
    blocks = ["WEBVTT"]
    for line, following in zip(shown, [*shown[1:], None], strict=False):
        begin = line.offset_ms
        end = begin + min(
            max(_SHORTEST_MS, len(line.text) * _READING_MS_PER_CHARACTER), _LONGEST_MS
        )
        if following is not None and following.offset_ms > begin:
            end = min(end, following.offset_ms)
        blocks.append(
            f"{line.seq}\n{_clock(begin)} --> {_clock(end)}\n"
            f"<v {_speaker(line)}>{_escaped(_one_line(line.text))}</v>"
        )
    return "\n\n".join(blocks) + "\n"


def _speaker(line: LiveLine) -> str:
    return _SPEAKERS.get(line.side, line.side)


def _words(line: LiveLine) -> str:
    text = _one_line(line.text)
    if line.kind == "dtmf":
        return f"(keys) {text}"
    if line.full_text:
        return f"{text} [cut off; the whole prompt: {_one_line(line.full_text)}]"
    return text


def _one_line(text: str) -> str:
    # An empty line would end a cue, and lets a speaker forge the lines of others.
    return re.sub(r"\s+", " ", text).strip()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{rest:03}"
