"""What operations say of themselves in the OpenAPI document beyond their bodies and answers."""

from typing import Any

from bots.rest.idempotency import HEADER

Fragment = dict[str, Any]

FAILURES = "x-failures"

IF_MATCH: Fragment = {
    "parameters": [
        {
            "in": "header",
            "name": "If-Match",
            "required": True,
            "description": "The `ETag` of what is changed, as it was read; `*` for any.",
            "schema": {"type": "string", "pattern": r'^(\*|"[0-9]+")$'},
            "example": '"1"',
        }
    ]
}
IF_NONE_MATCH: Fragment = {
    "parameters": [
        {
            "in": "header",
            "name": "If-None-Match",
            "required": False,
            "description": "An `ETag` that was read before; 304 if nothing has changed since.",
            "schema": {"type": "string"},
        }
    ]
}
IDEMPOTENCY_KEY: Fragment = {
    "parameters": [
        {
            "in": "header",
            "name": HEADER,
            "required": False,
            "description": "A name of your own for this request, such as a UUID. Sent again with "
            "the same body within 24 hours, the request does nothing and has the same answer.",
            "schema": {"type": "string", "pattern": r"^[!-~]{1,200}$"},
        }
    ]
}


def declares(*fragments: Fragment, failures: tuple[int, ...] = ()) -> Fragment:
    """``fragments`` as the one argument ``openapi_extra`` of an operation.

    ``failures`` are statuses of problems that do not follow from what the operation takes.
    """
    parameters = [each for part in fragments for each in part["parameters"]]
    return {"parameters": parameters, FAILURES: failures}
