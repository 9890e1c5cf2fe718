"""How a test call is told to a person: the conversation line by line, then the verdict. Pure."""

import textwrap
from collections.abc import Sequence
from statistics import median

from calls.testcall.ledger import Line, Result, TurnTaken

WIDTH = 100
_MARGIN = " " * 22

_LABELS = {
    "call": "call",
    "bot": "bot",
    "caller": "caller",
    "digits": "caller keys",
    "silent": "caller",
    "hypothesis": "hears",
    "heard": "recognised",
    "barge-in": "barge-in",
    "event": "event",
    "expected": "as expected",
    "end": "ended",
    "wrong": "WRONG",
}


def told(line: Line) -> str:
    """One line of the conversation: seconds, who or what, and the words."""
    text = line.text or "(nothing)"
    text = f"{text}  [{line.detail}]" if line.detail else text
    head = f"{line.at:8.2f}  {_LABELS[line.kind]:<11} "
    return textwrap.fill(
        " ".join(text.split()), WIDTH, initial_indent=head, subsequent_indent=_MARGIN
    )


def turn_table(turns: Sequence[TurnTaken]) -> str:
    """What became of each turn of the caller."""
    rows = [("caller's turn", "recognised as", "answer", "barge-in")]
    for turn in turns:
        confidence = "" if turn.confidence is None else f" ({turn.confidence:.2f})"
        heard = f"{turn.recognised}{confidence}" if turn.spoken else "-"
        rows.append(
            (
                _short(turn.said),
                _short(heard or "nothing"),
                _milliseconds(turn.answer_delay_ms),
                _milliseconds(turn.barge_in_ms),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  "
        f"{row[3]:>{widths[3]}}".rstrip()
        for row in rows
    )


def verdict(result: Result) -> str:
    """One sentence that says whether the call passed, with its figures or what was wrong."""
    notes = "".join(f"\n  note: {note}" for note in result.notes)
    if not result.ok:
        return f"FAILED after {result.duration:.1f} s: " + "; ".join(result.faults) + notes
    figures = [_counted(len(result.turns), "turn"), _counted(result.prompts, "prompt")]
    delays = [t.answer_delay_ms for t in result.turns if t.answer_delay_ms is not None]
    if delays:
        figures.append(f"answers after {median(delays):.0f} ms (at most {max(delays):.0f} ms)")
    barge_ins = [t.barge_in_ms for t in result.turns if t.barge_in_ms is not None]
    if barge_ins:
        figures.append(f"silent {max(barge_ins):.0f} ms after an interruption")
    if result.longest_silence:
        figures.append(f"longest silence {result.longest_silence:.1f} s")
    if result.resumed_after_ms is not None:
        figures.append(f"resumed within {result.resumed_after_ms:.0f} ms")
    if result.most_ahead_ms:
        figures.append(f"audio at most {result.most_ahead_ms:.0f} ms ahead")
        figures.append(f"{result.starved_ms:.0f} ms of gaps" if result.starved_ms else "no gaps")
    return f"PASSED in {result.duration:.1f} s: " + ", ".join(figures) + notes


def summary(results: Sequence[Result]) -> str:
    """All calls of a run: one row each, and how many passed."""
    rows = [f"{number:4d}  {verdict(result)}" for number, result in enumerate(results, 1)]
    passed = sum(result.ok for result in results)
    delays = [
        turn.answer_delay_ms
        for result in results
        for turn in result.turns
        if turn.answer_delay_ms is not None
    ]
    last = f"{passed} of {len(results)} calls passed"
    if delays:
        last += f"; answers after {median(delays):.0f} ms (at most {max(delays):.0f} ms)"
    return "\n".join([*rows, "", last])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _short(text: str) -> str:
    return textwrap.shorten(text, 36, placeholder="...") or "..."


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
