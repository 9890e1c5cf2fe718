"""What Elasticsearch would say of a log line, by the strict index template in ``ops/elk``.

It indexes a field by the type of its mapping, drops the whole line when a value does not fit, and
with ``dynamic: strict`` also when a field is not mapped.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parent.parent / "ops" / "elk" / "index-template.json"
LONGEST_TERM_BYTES = 32_766
"""Lucene refuses longer terms."""


@cache
def mapped() -> dict[str, dict[str, Any]]:
    """The mapping of each field, by its name with dots."""
    template = json.loads(TEMPLATE.read_text())["template"]["mappings"]
    assert template["dynamic"] == "strict"
    return dict(_leaves(template["properties"], ""))


def _leaves(properties: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from _leaves(mapping["properties"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", mapping


def problems(line: Mapping[str, Any]) -> list[str]:
    """Why ``line`` would not be indexed; empty when it would."""
    fields = mapped()
    found = []
    for name, value in _values(line, "", fields):
        if name not in fields:
            found.append(f"{name} is not mapped")
        elif not _fits(value, fields[name]):
            found.append(f"{name} is no {fields[name]['type']}: {value!r}")
    return found


def _values(
    document: Mapping[str, Any], prefix: str, fields: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        whole = fields.get(f"{prefix}{name}", {}).get("type") == "flattened"
        if isinstance(value, Mapping) and not whole:
            yield from _values(value, f"{prefix}{name}.", fields)
        else:
            yield f"{prefix}{name}", value


def _fits(value: Any, mapping: Mapping[str, Any]) -> bool:
    if mapping["type"] == "flattened":
        return isinstance(value, Mapping) and all(map(_is_flat, value.items()))
    return _FITTING[mapping["type"]](value)


def _is_flat(item: tuple[str, Any]) -> bool:
    name, value = item
    values = value if isinstance(value, list) else [value]
    return (
        "\0" not in name
        and "." not in name
        and all(isinstance(each, str | int | float | bool) for each in values)
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _is_address(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ip_address(value))
    except ValueError:
        return False


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def _is_term(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode()) < LONGEST_TERM_BYTES


_FITTING: Mapping[str, Callable[[Any], bool]] = {
    "constant_keyword": _is_term,
    "date": _is_time,
    "ip": _is_address,
    "keyword": _is_term,
    "long": _is_long,
    "match_only_text": lambda value: isinstance(value, str),
    "wildcard": lambda value: isinstance(value, str),
}
