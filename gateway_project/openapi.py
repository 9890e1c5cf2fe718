"""The OpenAPI 3.1 document of the API: what django-ninja derives, and what every operation shares.

Scopes come from the operations' own authentication, problem answers from what an operation takes;
so neither can be forgotten.
"""

import hashlib
import json
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja.operation import Operation

from bots.core.scopes import SCOPES
from bots.rest.authentication import Scoped
from bots.rest.declared import FAILURES
from bots.rest.preconditions import unchanged
from bots.rest.problems import CONTENT_TYPE
from bots.rest.schemas import ProblemBody, Wrong
from gateway_project.api import VERSION, api, operations

Json = dict[str, Any]

PREFIX = "api/v1/"
_MAX_AGE_S = 300
_METHODS = ("get", "put", "post", "patch", "delete")
TAGS = {
    "Bots": "Bots and base bots: own values, what calls use of them, revisions.",
    "Providers": "Bot frameworks, speech services and carriers with their credentials.",
    "Routes": "Which bot takes which calls.",
    "Catalogue": "What can be configured: plug-ins and parameters.",
    "Calls": "Live and past calls: records, transcripts, events, turns.",
    "Live calls": "Acting on calls that go on: activities of the bot, steps of a supervisor.",
    "Outbound calls": "Outbound calls: placing, following and cancelling them.",
    "System": "The state of the gateway.",
    "Alarms": "What is wrong at this moment, and what was.",
}
_WHY = {
    400: "The request is malformed.",
    401: "No or no valid proof of who asks.",
    403: "The client lacks the scope, or its reach does not allow it.",
    404: "There is no such thing, or the client does not reach it.",
    409: "It is in use or in another state, or a request with the same key is under way.",
    412: "Somebody changed it meanwhile; read it again.",
    413: "The body is larger than 1 MiB.",
    415: "The body is no JSON.",
    422: "Fields are wrong; every one is listed.",
    428: "`If-Match` is missing.",
    429: "Too many requests; wait as long as `Retry-After` says.",
    500: "The gateway failed.",
    504: "The process that carries the call did not answer in time.",
}
_DESCRIPTION = """\
Configure bots, place outbound calls and follow calls. Every address needs a scope; a client reaches
all bots or listed ones, and what it does not reach does not exist for it. Failures are problem
details (RFC 9457). Numbers such as 20.0 are taken as integers."""


class MissingScope(TypeError):
    """An operation does not say which scope it needs."""


def scopes_of(operation: Operation) -> tuple[str, ...]:
    """The scopes any of which ``operation`` needs.

    Raises:
        MissingScope: it is open to everybody.
    """
    for each in operation.auth_callbacks:
        if isinstance(each, Scoped):
            return each.scopes
    raise MissingScope(f"{operation.view_func.__module__}.{operation.view_func.__name__}")


def scopes_in(described: Json) -> tuple[str, ...]:
    """The scopes any of which an operation of the document needs."""
    needed = (scope for way in described["security"] for held in way.values() for scope in held)
    return tuple(dict.fromkeys(needed))


@cache
def document(public_url: str) -> Json:
    """The whole document for a gateway that is reached at ``public_url``; not to be changed.

    Raises:
        MissingScope: an operation has none.
    """
    known = {operation.operation_id: operation for operation in operations()}
    made: Json = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    schemas: Json = made["components"]["schemas"]
    for shared in (Wrong, ProblemBody):
        schema = shared.model_json_schema(
            by_alias=True, ref_template="#/components/schemas/{model}"
        )
        schema.pop("$defs", None)
        schemas[shared.__name__] = schema
    for path, item in made["paths"].items():
        for method, described in item.items():
            scopes = scopes_of(known[described["operationId"]])
            _complete(described, path, method, scopes)
    used = {
        tag for item in made["paths"].values() for each in item.values() for tag in each["tags"]
    }
    made["info"] = {"title": api.title, "version": VERSION, "description": _DESCRIPTION}
    ordered = [*TAGS, *sorted(used - TAGS.keys())]
    made["tags"] = [
        {"name": tag, "description": TAGS.get(tag, "")} for tag in ordered if tag in used
    ]
    made["servers"] = [{"url": public_url}]
    made["components"] = {
        "schemas": {name: _untitled(schemas[name]) for name in sorted(schemas)},
        "securitySchemes": _schemes(public_url),
    }
    return made


def _complete(described: Json, path: str, method: str, scopes: tuple[str, ...]) -> None:
    """Add to one operation what follows from its scopes and from what it takes."""
    proofs = ("oauth", "basic") if settings.API_BASIC_AUTH else ("oauth",)
    described["security"] = [{proof: [scope]} for proof in proofs for scope in scopes]
    names = {each["name"] for each in described["parameters"]}
    for each in described["parameters"]:
        each["schema"] = _without_null(_untitled(each["schema"]))
    for status, response in described["responses"].items():
        headers: Json = {}
        if names & {"If-Match", "If-None-Match"} or status == "201":
            headers["ETag"] = _header("Its revision; send it back as `If-Match`.")
        if status == "201":
            headers["Location"] = _header("Where it is.")
        if headers:
            response["headers"] = headers
    if "If-None-Match" in names:
        described["responses"]["304"] = {"description": "Nothing has changed."}
    for status in _failures(described, path, method, names):
        described["responses"].setdefault(str(status), _problem(status))


def _failures(described: Json, path: str, method: str, names: set[str]) -> list[int]:
    found = {400, 401, 403, 422, 429, 500, *described.pop(FAILURES, ())}
    if "{" in path:
        found.add(404)
    if "requestBody" in described:
        found |= {413, 415}
    if "If-Match" in names:
        found |= {412, 428}
    if "Idempotency-Key" in names or method == "delete":
        found.add(409)
    return sorted(found)


def _problem(status: int) -> Json:
    answer: Json = {
        "description": _WHY.get(status, HTTPStatus(status).phrase),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": _header("What proof is asked for (RFC 6750).")}
    if status == 429:
        answer["headers"] = {"Retry-After": _header("Seconds to wait.")}
    return answer


def _header(description: str) -> Json:
    return {"description": description, "schema": {"type": "string"}}


def _untitled(schema: Any) -> Any:
    """``schema`` without the titles that pydantic makes of the names of fields."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _untitled(value)
        for name, value in schema.items()
        if name != "title" or not isinstance(value, str)
    }


def _without_null(schema: Json) -> Json:
    """``schema`` of what is not in a body: it can be left out, but there is no null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    kind: Json = kinds[0]
    return kind | {name: value for name, value in schema.items() if name != "anyOf"}


def _schemes(public_url: str) -> Json:
    scopes = {name: scope.help for name, scope in SCOPES.items()}
    flow = {"tokenUrl": f"{public_url}/oauth/token", "scopes": scopes}
    schemes: Json = {
        "oauth": {
            "type": "oauth2",
            "description": "An access token of the gateway, sent as Authorization: Bearer.",
            "flows": {"clientCredentials": flow},
        }
    }
    if settings.API_BASIC_AUTH:
        schemes["basic"] = {
            "type": "http",
            "scheme": "basic",
            "description": "Client id and secret.",
        }
    return schemes


@cache
def _text(public_url: str) -> tuple[bytes, str]:
    content = json.dumps(document(public_url), ensure_ascii=False).encode()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """The document for everybody: it says nothing about what is configured."""
    content, tag = _text(settings.PUBLIC_URL)
    response = unchanged(request, tag) or HttpResponse(content, content_type="application/json")
    response["ETag"] = tag
    response["Cache-Control"] = f"public, max-age={_MAX_AGE_S}"
    return response
