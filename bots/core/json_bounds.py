"""How much JSON is taken from a peer: bytes say little about what a text becomes in memory.

A megabyte of ``[],[],[],...`` becomes a hundred megabytes of lists and holds up every call of the
process while it is read. And what is nested as deeply as can be read cannot be written again one
level further down.
"""

MAX_PARTS = 100_000
"""Objects, lists and members of a text; a talk needs hundreds."""
MAX_LEVELS = 64
_HARMLESS_LENGTH = 50_000
"""A text this short has not enough parts to matter."""


def has_too_many_parts(text: str | bytes) -> bool:
    """Whether reading ``text`` as JSON would take too much time and memory.

    Commas and brackets inside of strings count as well; base64 has none.
    """
    if len(text) <= _HARMLESS_LENGTH:
        return False
    if isinstance(text, bytes):
        return sum(text.count(each) for each in (b",", b"[", b"{")) > MAX_PARTS
    return sum(text.count(each) for each in (",", "[", "{")) > MAX_PARTS


def is_too_deep(value: object) -> bool:
    """Whether ``value``, which was read from JSON, has more than `MAX_LEVELS` levels."""
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        level = [inner for each in level for inner in _members(each)]
        if not level:
            return False
    return True


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
