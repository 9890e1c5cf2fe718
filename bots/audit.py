"""Writing the audit log: who did what, from where.

Who acts is known at the edge (a request, a socket, a command) and set there by `acting`; whatever
changes or reads something then calls `record`, in the same transaction as the change.
"""

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from bots.core.auditing import Action
from bots.models import AuditEvent

_MESSAGE_CHARS = 500
_TITLE_CHARS = 200


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts; ``batch`` groups what one request does."""

    name: str
    user_id: int | None = None
    address: str | None = None
    batch: uuid.UUID = msgspec.field(default_factory=uuid.uuid4)


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextlib.contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Everything recorded inside, also in threads started from here, is ``actor``'s doing."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """Who acts; without `acting` (a command, a task) the gateway itself."""
    return _actor.get() or Actor(name="gateway")


def record(
    action: Action,
    *,
    kind: str,
    target: object = "",
    title: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    message: str = "",
) -> None:
    """Add one event. ``kind`` and ``target`` name the row; secrets must be masked by the caller.

    ``before`` and ``after`` hold only what differs, by field or wire name.
    """
    actor = current_actor()
    AuditEvent.objects.create(
        actor=actor.name[:150],
        user_id=actor.user_id,
        address=actor.address,
        action=action,
        kind=kind,
        target=str(target)[:64],
        title=title[:_TITLE_CHARS],
        before=before,
        after=after,
        message=message[:_MESSAGE_CHARS],
        batch=actor.batch,
    )
