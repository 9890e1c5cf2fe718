"""The page about the REST API, made from its OpenAPI document for people who read."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bots.core.scopes import SCOPES
from gateway_project.openapi import document, scopes_in

Json = dict[str, Any]
Words = tuple[tuple[bool, str], ...]
"""A text in parts; True: code."""

_DEPTH = 4
"""How many objects inside objects are told of."""
_PLACES = ("path", "query", "header")
_CODE = re.compile(r"`([^`]+)`")
_EXAMPLES = {"string": "text", "integer": 1, "number": 1.5, "boolean": True}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter or field; ``depth`` counts the objects around it."""

    name: str
    place: str = ""
    depth: int = 0
    type: str
    bounds: str = ""
    default: str = ""
    required: bool = False
    meaning: Words = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of an operation; problems have no fields of their own."""

    status: str
    meaning: Words
    rows: tuple[Row, ...] = ()
    headers: tuple[str, ...] = ()


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """One operation as the page shows it."""

    key: str
    method: str
    path: str
    title: str
    paragraphs: tuple[Words, ...]
    scopes: tuple[str, ...]
    parameters: tuple[Row, ...]
    body: tuple[Row, ...]
    curl: str
    answers: tuple[Answer, ...]
    problems: tuple[Answer, ...]

    @property
    def text(self) -> str:
        """What the filter of the page looks at."""
        return f"{self.method} {self.path} {self.title} {' '.join(self.scopes)}".lower()


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of one tag."""

    key: str
    title: str
    meaning: str
    operations: tuple[Described, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Everything a dialer or integrator has to know; open to everybody."""
    signed_in = request.user.is_authenticated
    context = {
        "frame": "base.html" if signed_in else "api/outside.html",
        "sections": _sections(settings.PUBLIC_URL, get_language()),
        "scopes": SCOPES.values(),
        "url": settings.PUBLIC_URL,
        "basic": settings.API_BASIC_AUTH,
    }
    return render(request, "api/docs.html", context)


@cache
def _sections(public_url: str, _language: str | None) -> tuple[Section, ...]:
    return sections(document(public_url))


def sections(described: Json) -> tuple[Section, ...]:
    """The operations of an OpenAPI document by tag."""
    found: dict[str, list[Described]] = {tag["name"]: [] for tag in described["tags"]}
    for path, item in described["paths"].items():
        for method, operation in item.items():
            one = _Reader(described).operation(method, path, operation)
            for tag in operation["tags"]:
                found[tag].append(one)
    return tuple(
        Section(
            key=slugify(tag["name"]),
            title=tag["name"],
            meaning=tag["description"],
            operations=tuple(found[tag["name"]]),
        )
        for tag in described["tags"]
    )


def words(text: str) -> Words:
    """``text`` with what stands between backticks as code."""
    return tuple((bool(number % 2), part) for number, part in enumerate(_CODE.split(text)) if part)


class _Reader:
    """Reads one document; its references are looked up in its components."""

    def __init__(self, described: Json) -> None:
        self._schemas: Json = described["components"]["schemas"]
        self._url: str = described["servers"][0]["url"]

    def operation(self, method: str, path: str, found: Json) -> Described:
        answers, problems = self._answers(found)
        body = self._body(found)
        return Described(
            key=found["operationId"],
            method=method.upper(),
            path=path,
            title=found["summary"],
            paragraphs=tuple(
                words(" ".join(part.split())) for part in found.get("description", "").split("\n\n")
            ),
            scopes=scopes_in(found),
            parameters=tuple(
                self._parameter(each)
                for place in _PLACES
                for each in found["parameters"]
                if each["in"] == place
            ),
            body=tuple(self._rows(body, 0)) if body else (),
            curl=self._curl(method, path, found, body),
            answers=answers,
            problems=problems,
        )

    def _answers(self, found: Json) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        fine: list[Answer] = []
        wrong: list[Answer] = []
        for status, response in sorted(found["responses"].items()):
            content = response.get("content", {}).get("application/json", {})
            one = Answer(
                status=status,
                meaning=words(response["description"]),
                rows=tuple(self._rows(content["schema"], 0)) if content else (),
                headers=tuple(response.get("headers", ())),
            )
            (fine if status < "400" else wrong).append(one)
        return tuple(fine), tuple(wrong)

    def _body(self, found: Json) -> Json | None:
        content: Json = found.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if content else None

    def _parameter(self, found: Json) -> Row:
        schema = self._resolved(found["schema"])
        return Row(
            name=found["name"],
            place=found["in"],
            type=self._type(schema),
            bounds=_bounds(schema),
            default=_default(schema),
            required=found["required"],
            meaning=words(found.get("description", "")),
        )

    # --- schemas --------------------------------------------------------------------------------

    def _resolved(self, schema: Json) -> Json:
        """``schema`` with references, and the one kind beside null, put in its place."""
        found = dict(schema)
        if "$ref" in found:
            found = {**self._resolved(self._schemas[found.pop("$ref").rpartition("/")[2]]), **found}
        for several in ("anyOf", "allOf"):
            kinds = [each for each in found.get(several, ()) if each.get("type") != "null"]
            if len(kinds) == 1:
                null = len(found.pop(several)) > 1
                found = {**self._resolved(kinds[0]), **found, "x-null": null}
        return found

    def _rows(self, schema: Json, depth: int) -> Iterator[Row]:
        found = self._resolved(schema)
        if "anyOf" in found:
            for each in found["anyOf"]:
                yield from self._rows(each, depth)
            return
        required = found.get("required", ())
        for name, field in found.get("properties", {}).items():
            inner = self._resolved(field)
            yield Row(
                name=name,
                depth=depth,
                type=self._type(inner),
                bounds=_bounds(inner),
                default=_default(inner),
                required=name in required,
                meaning=words(field.get("description", "")),
            )
            below = self._resolved(inner["items"]) if "items" in inner else inner
            if depth < _DEPTH:
                yield from self._rows(below, depth + 1)

    def _type(self, schema: Json) -> str:
        kind = self._kind(schema)
        return _("%(kind)s or null") % {"kind": kind} if schema.get("x-null") else kind

    def _kind(self, schema: Json) -> str:
        if "enum" in schema:
            return " | ".join(str(each) for each in schema["enum"])
        if "const" in schema:
            return str(schema["const"])
        if "anyOf" in schema:
            kinds = dict.fromkeys(self._kind(self._resolved(each)) for each in schema["anyOf"])
            return _(" or ").join(kinds)
        match schema.get("type"):
            case "array":
                inner = self._resolved(schema.get("items", {}))
                return _("list of %(kind)s") % {"kind": self._kind(inner)}
            case "string":
                formats = {"date-time": _("time (RFC 3339)"), "uuid": "UUID"}
                return formats.get(schema.get("format", ""), _("text"))
            case "integer":
                return _("whole number")
            case "number":
                return _("number")
            case "boolean":
                return _("true or false")
            case "object":
                return _("object")
            case "null":
                return "null"
            case _:
                return _("any value")

    # --- curl -----------------------------------------------------------------------------------

    def _curl(self, method: str, path: str, found: Json, body: Json | None) -> str:
        query = []
        headers = ['"Authorization: Bearer $TOKEN"']
        for each in found["parameters"]:
            example = self._example(each)
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", str(example))
            elif each["in"] == "query" and each["required"]:
                query.append(f"{each['name']}={example}")
            elif each["in"] == "header" and each["required"]:
                headers.append(_quoted(f"{each['name']}: {example}"))
        address = f"{self._url}{path}" + (f"?{'&'.join(query)}" if query else "")
        lines = [f"curl{'' if method == 'get' else f' -X {method.upper()}'} '{address}'"]
        lines += [f"-H {header}" for header in headers]
        if body is not None:
            lines.append("-H 'Content-Type: application/json'")
            lines.append(f"-d {_quoted(json.dumps(self._sample(body), ensure_ascii=False))}")
        return " \\\n  ".join(lines)

    def _example(self, parameter: Json) -> Any:
        schema = parameter["schema"]
        if "example" in parameter:
            return parameter["example"]
        if isinstance(schema.get("examples"), list):
            return schema["examples"][0]
        if schema.get("type") == "integer":
            return schema.get("minimum", 1)
        return parameter["name"].upper()

    def _sample(self, body: Json) -> Any:
        schema = self._resolved(body)
        if schema.get("examples"):
            return schema["examples"][0]
        fields: Mapping[str, Json] = schema.get("properties", {})
        return {
            name: _EXAMPLES.get(self._resolved(field).get("type", ""), {})
            for name, field in fields.items()
            if name in schema.get("required", ())
        }


def _bounds(schema: Json) -> str:
    found = []
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", _("characters")),
        ("minItems", "maxItems", _("entries")),
    ):
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            found.append(
                _("%(least)s to %(most)s %(unit)s") % {"least": low, "most": high, "unit": unit}
            )
        elif high is not None:
            found.append(_("at most %(most)s %(unit)s") % {"most": high, "unit": unit})
        elif low is not None:
            found.append(_("at least %(least)s %(unit)s") % {"least": low, "unit": unit})
    return ", ".join(each.strip() for each in found)


def _default(schema: Json) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else json.dumps(default, ensure_ascii=False)


def _quoted(text: str) -> str:
    """``text`` as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
