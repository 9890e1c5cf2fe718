"""``Idempotency-Key``: a POST that is sent again does nothing again.

The answer is kept in the transaction of what the request did: either both are there or neither.
Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import datetime
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

from bots.models import ApiClient
from bots.models.clients import IdempotentAnswer
from bots.rest.problems import Problem

HEADER = "Idempotency-Key"
KEPT = datetime.timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Reply(msgspec.Struct, frozen=True):
    """What a POST is answered: a status and a JSON object, the same for every repeat."""

    status: int
    body: dict[str, Any]


def answered_once(request: HttpRequest, client: ApiClient, action: Callable[[], Reply]) -> Reply:
    """Run ``action`` in a transaction, or give the answer that it had with the same key.

    Without a key it always runs. What ``action`` raises is not kept: it may be tried again.

    Raises:
        Problem: 400: the key is malformed; 409: a request with this key is under way; 422: the key
            was used with another body.
    """
    given = request.headers.get(HEADER)
    if given is None:
        with transaction.atomic():
            return action()
    key = given.strip()
    if len(key) > 1 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1]  # the draft quotes it, most clients do not
    if not _KEY.fullmatch(key):
        raise Problem(400, detail=f"{HEADER} has 1 to 200 visible ASCII characters.")
    operation = f"{request.method} {hashlib.sha256(request.path.encode()).hexdigest()}"
    print_ = salted_hmac("idempotency", request.body, algorithm="sha256").hexdigest()
    with transaction.atomic():
        _claim(f"{client.pk} {operation} {key}")
        rows = IdempotentAnswer.objects.filter(client=client, operation=operation, key=key)
        for known in rows:
            if known.created_at >= now() - KEPT:
                return _repeated(known, print_)
            known.delete()
        reply = action()
        IdempotentAnswer.objects.create(
            client=client,
            operation=operation,
            key=key,
            fingerprint=print_,
            status=reply.status,
            body=json.dumps(reply.body),
        )
    return reply


def _claim(name: str) -> None:
    """Be the only one with ``name`` until the end of the transaction.

    On SQLite the transaction itself waits for every other.

    Raises:
        Problem: 409: another one is under way.
    """
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise Problem(
                409,
                detail="A request with this Idempotency-Key is under way; ask again in a moment.",
                code="request_under_way",
                headers={"Retry-After": "1"},
            )


def _repeated(known: IdempotentAnswer, fingerprint: str) -> Reply:
    if known.fingerprint != fingerprint:
        raise Problem(
            422,
            detail=f"This {HEADER} was used with another body; take a new key for a new request.",
            code="idempotency_key_reused",
        )
    return Reply(known.status, json.loads(known.body))


def forget_answers() -> int:
    """Delete the answers that nobody can ask for again; how many there were."""
    return IdempotentAnswer.objects.filter(created_at__lt=now() - KEPT).delete()[0]
