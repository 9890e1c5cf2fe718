"""The text of an alarm, from a template with ``{source}`` and ``{detail}``.

People write templates too; nothing else in braces is filled in, so theirs reach nothing.
"""

import re

from alarms.core.declare import MAX_TEXT_CHARS

_PLACES = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("source", "detail")


def filled(template: str, *, source: str, detail: str) -> str:
    """``template`` about ``source`` (``provider:azure-1`` or only its name), in one line, bounded.

    Without a detail the colon before its place is left out.
    """
    values = {"source": source.partition(":")[2] or source, "detail": detail}
    text = template if detail else re.sub(r":?\s*\{detail\}", "", template)
    text = _PLACES.sub(lambda place: values.get(place[1], place[0]), text)
    return " ".join(text.split())[:MAX_TEXT_CHARS]


def problem_of(template: str) -> str:
    """What is wrong with ``template``; nothing: the empty string."""
    if len(template) > MAX_TEXT_CHARS:
        return f"has more than {MAX_TEXT_CHARS} characters"
    if not all(each.isprintable() for each in template):
        return "holds a character that is not printed; one line of text is enough"
    unknown = [name for name in _PLACES.findall(template) if name not in _KNOWN]
    if unknown:
        return f"knows {{source}} and {{detail}}, not {{{unknown[0][:40]}}}"
    if set("{}") & set(_PLACES.sub("", template)):
        return "has a brace without its other half"
    return ""
