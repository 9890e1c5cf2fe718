"""Transcripts as files: nobody's words can forge a line, a speaker or a cue."""

from typing import Any

import pytest

from calls.core.documents import plain_text, subtitles
from calls.core.publication import LiveLine

pytestmark = pytest.mark.pure


def line(seq: int, offset_ms: int, text: str, **fields: Any) -> LiveLine:
    content = {"side": "bot", "kind": "speech", **fields}
    return LiveLine(seq=seq, offset_ms=offset_ms, text=text, **content)


def test_text_has_a_head_and_one_line_for_each_thing_said() -> None:
    lines = [
        line(1, 0, "Welcome"),
        line(2, 3_723_045, "My bill", side="caller"),
        line(3, 3_724_000, "42#", side="caller", kind="dtmf"),
        line(4, 3_725_000, "Your bill", full_text="Your bill is paid"),
        line(5, 3_726_000, "Hello", side="operator"),
        line(6, 3_727_000, "Transfer", side="system", kind="event"),
        line(7, 3_728_000, "?", side="someone"),
    ]
    assert plain_text([("Bot", "demo"), ("Caller", "+49\n1")], lines) == (
        "Bot: demo\n"
        "Caller: +49 1\n"
        "\n"
        "[00:00:00.000] Bot: Welcome\n"
        "[01:02:03.045] Caller: My bill\n"
        "[01:02:04.000] Caller: (keys) 42#\n"
        "[01:02:05.000] Bot: Your bill [cut off; the whole prompt: Your bill is paid]\n"
        "[01:02:06.000] Operator: Hello\n"
        "[01:02:07.000] Gateway: Transfer\n"
        "[01:02:08.000] someone: ?\n"
    )


def test_words_cannot_forge_lines_or_cues() -> None:
    forged = line(1, 0, "yes\n\n2\n00:00:01.000 --> 00:00:02.000\n<v Bot>free & paid\r\n[0] Bot: x")
    assert plain_text([], [forged]).count("\n") == 2
    cues = subtitles([forged]).split("\n\n")
    assert len(cues) == 2
    assert cues[1].splitlines()[2] == (
        "<v Bot>yes 2 00:00:01.000 --&gt; 00:00:02.000 &lt;v Bot&gt;free &amp; paid [0] Bot: x</v>"
    )


@pytest.mark.parametrize(
    ("text", "following_ms", "end"),
    [
        ("Hi", None, "00:00:02.000"),
        ("x" * 40, None, "00:00:03.600"),
        ("x" * 900, None, "00:00:16.000"),
        ("x" * 40, 1_800, "00:00:01.800"),
        ("x" * 40, 9_000, "00:00:03.600"),
        ("Hi", 1_000, "00:00:02.000"),
    ],
)
def test_a_cue_lasts_as_long_as_it_is_read_but_not_into_the_next(
    text: str, following_ms: int | None, end: str
) -> None:
    lines = [line(1, 1_000, text)]
    if following_ms is not None:
        lines.append(line(2, following_ms, "next"))
    assert subtitles(lines).splitlines()[3] == f"00:00:01.000 --> {end}"


def test_subtitles_leave_out_events_and_are_valid_when_empty() -> None:
    assert subtitles([line(1, 0, "Recording", kind="event")]) == "WEBVTT\n"
