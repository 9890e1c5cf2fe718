"""JSON merge patch (RFC 7396)."""

from collections.abc import Mapping
from typing import Any


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """``target`` with ``patch`` applied: null removes a member, objects merge, all else is set.

    Takes as many levels as ``patch`` has. Source: RFC 7396, section 2.
    """
    found = dict(target)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            held = found.get(name)
            found[name] = merged(held if isinstance(held, Mapping) else {}, value)
        else:
            found[name] = value
    return found
