"""Which sources people mean: patterns in which ``*`` stands for any text, also for none."""

from collections.abc import Sequence

MAX_PATTERNS = 100
"""So many patterns a rule or a destination has at most."""


def listed(patterns: Sequence[str], source: str) -> bool:
    """Whether any of ``patterns`` fits ``source``; no patterns at all fit everything.

    A pattern is compared with the whole source, such as ``provider:azure-1``, and with the name in
    it. Takes time in proportion to the texts, whatever they hold.
    """
    name = source.partition(":")[2] or source
    return not patterns or any(_fits(each, source) or _fits(each, name) for each in patterns)


def _fits(pattern: str, text: str) -> bool:
    first, *between = pattern.split("*")
    if not between:
        return pattern == text
    last = between.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in between:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True
