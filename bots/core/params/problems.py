"""What is wrong with a value, in words that say what would be right.

Pydantic's own sentences name Python types; people and bots who set parameters write JSON.
"""

from collections.abc import Iterable
from typing import Any

from annotated_types import Ge, Le
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bots.core.params.declare import Declared, ParamSet, declared

_PLAIN = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "extra_forbidden": "is not known here",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "uuid_parsing": "must be a UUID",
}
_WITH_LIMIT = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have {min_length} or more entries",
    "union_tag_invalid": "must be one of {expected_tags}",
    "union_tag_not_found": "is missing",
}
_BOUNDS = frozenset({"greater_than_equal", "less_than_equal"})


def by_wire_name(section: type[ParamSet], error: ValidationError) -> dict[str, str]:
    """Every error of one section; a rule between parameters under the section's title."""
    parameters = {parameter.wire_name: parameter for parameter in declared(section)}
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        key, *path = item["loc"] or (section.SECTION,)
        key, text = str(key), sentence(item)
        if path:
            text = f"{place(path)}: {text}"
        elif key in parameters:
            text = _with_range(text, item["type"], parameters[key])
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def place(steps: Iterable[int | str]) -> str:
    """Where an error is; without the form of a value, ``<object>``, that only we have named."""
    return ".".join(str(step) for step in steps if not str(step).startswith("<"))


def sentence(item: ErrorDetails) -> str:
    """What one error of pydantic says, in words that know no Python."""
    kind, context = item["type"], item.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WITH_LIMIT:
        return _WITH_LIMIT[kind].format_map(context).replace("'<", "'").replace(">'", "'")
    if kind == "value_error":
        return str(context["error"])
    return item["msg"]


def _with_range(text: str, kind: str, parameter: Declared) -> str:
    """``text``; of a number with the range it must be in and its unit."""
    if kind not in _BOUNDS and not kind.startswith(("int_", "float_")):
        return text
    metadata = parameter.field.metadata
    least: Any = next((note.ge for note in metadata if isinstance(note, Ge)), None)
    most: Any = next((note.le for note in metadata if isinstance(note, Le)), None)
    if least is not None and most is not None:
        text = f"{'must be' if kind in _BOUNDS else text} between {least} and {most}"
    return f"{text} {parameter.param.unit}".rstrip()
