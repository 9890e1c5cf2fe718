"""JSON bodies as the API takes them: bounded, without what no database or column could keep."""

import json
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from bots.rest.problems import Problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_KEYS = 1_000
_EXACT = 2**53
"""Up to here a JSON number with a fraction of zero is the integer it looks like (RFC 8259, 6)."""
_DIGITS = 40


class StrictParser(Parser):
    """Reads bodies by `parsed`, and queries in which every name has one meaning."""

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """The query by name; those in ``list_fields`` are lists.

        Raises:
            Problem: 422: another name is there twice.
        """
        twice = {name for name, texts in data.lists() if len(texts) > 1} - set(list_fields)
        if twice:
            errors = dict.fromkeys(sorted(twice), "is there more than once")
            raise Problem(422, "Fields are wrong", code="wrong_fields", errors=errors)
        return super().parse_querydict(data, list_fields, request)

    def parse_body(self, request: HttpRequest) -> Any:
        """The JSON value in the body of ``request``; raises what `parsed` does."""
        return parsed(request.body)


def parsed(body: bytes) -> Any:
    """The JSON value in ``body``. A number such as ``20.0`` is the integer 20.

    Raises:
        Problem: 400: no JSON in UTF-8, nested deeper than `MAX_DEPTH`, more than `MAX_KEYS` names,
            one twice in an object, U+0000 or half a surrogate pair in a text, NaN or infinity; 413:
            longer than `MAX_BYTES`.
    """
    if len(body) > MAX_BYTES:
        raise Problem(413, detail=f"A body has at most {MAX_BYTES} bytes.")
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except UnicodeDecodeError:
        raise _malformed("The body is not encoded in UTF-8.") from None
    except json.JSONDecodeError as error:
        text = f"The body is no JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise _malformed(text) from None
    except RecursionError:
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    _check(value)
    return value


def _malformed(detail: str) -> Problem:
    return Problem(400, "Malformed body", detail, code="malformed_body")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("An object in the body has a name twice.")
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _malformed("The body holds a number of too many digits.")
    return int(text)


def _number(text: str) -> int | float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _malformed("The body holds a number that is too large.")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _constant(text: str) -> float:
    raise _malformed(f"{text} is no JSON.")


def _check(value: Any) -> None:
    """Refuse what is too deep or too much, and texts that cannot be kept."""
    keys = 0
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _check_text(each)
            elif isinstance(each, list):
                below += each
            elif isinstance(each, dict):
                keys += len(each)
                below += [*each, *each.values()]
        if keys > MAX_KEYS:
            raise _malformed(f"The body has more than {MAX_KEYS} names.")
        if not below:
            return
        level = below
    raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_text(text: str) -> None:
    if not storable(text):
        raise _malformed("A text in the body holds U+0000 or half a surrogate pair.")


def storable(text: str) -> bool:
    """Whether every database can keep ``text``."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
