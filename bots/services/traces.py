"""What a change of a bot leaves behind: a revision, and an event in the audit log."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from bots import secrets
from bots.audit import Actor, acting, current_actor, record
from bots.core import catalogue
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.params.resolve import MASK
from bots.models import Bot, BotRevision
from bots.selectors import ROLES

MAX_MESSAGE_CHARS = 200
REFERENCES = ("base", *ROLES.values())
_SETTINGS = ("display_name", "is_base", "enabled", "access_mode")


def settings_of(bot: Bot) -> dict[str, Any]:
    """Every field of ``bot`` that can be set beside its parameters, references as names."""
    settings: dict[str, Any] = {field: getattr(bot, field) for field in _SETTINGS}
    for field in REFERENCES:
        reference = getattr(bot, field)
        settings[field] = reference.name if reference is not None else None
    return settings


def shown_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` as people may see them: secrets that are set are masked."""
    known = catalogue.everything()

    def hidden(name: str, value: Any) -> bool:
        secret = name in known and known[name].param.secret
        return bool(value) and (secret or secrets.is_envelope(value))

    return {name: MASK if hidden(name, value) else value for name, value in params.items()}


def check_message(message: str) -> None:
    """Refuse a message that is too long for a list of changes.

    Raises:
        ParameterError: under ``message``.
    """
    if len(message) > MAX_MESSAGE_CHARS:
        raise ParameterError(
            {"message": f"must have at most {MAX_MESSAGE_CHARS} characters, not {len(message)}"}
        )


def record_revision(bot: Bot, author: str, message: str) -> None:
    """Keep the state of ``bot``, which was just saved."""
    BotRevision.objects.create(
        bot=bot,
        number=bot.revision,
        author=author,
        message=message,
        params=bot.params,
        settings=settings_of(bot),
    )


def audit_bot(
    action: Action, before: Bot | None, after: Bot | None, *, author: str, message: str = ""
) -> None:
    """Record what differs between two states of a bot; None for what does not exist."""
    row = after or before
    assert row is not None  # noqa: S101 - one of the two exists
    old, new = _difference(before, after)
    with _by(author):
        record(
            action,
            kind="bot",
            target=row.name,
            title=row.display_name or row.name,
            before=old,
            after=new,
            message=message,
        )


def _by(author: str) -> AbstractContextManager[None]:
    # A command acts for whoever started it, a seed for itself.
    known = current_actor()
    return nullcontext() if known.user_id is not None else acting(Actor(name=author))


def _difference(
    before: Bot | None, after: Bot | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    return changed(
        None if before is None else settings_of(before) | dict(before.params),
        None if after is None else settings_of(after) | dict(after.params),
    )


def changed(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What differs between two states of a row, as people may see it; None for no row."""
    old, new = before or {}, after or {}
    names = [
        name
        for name in {**old, **new}
        if (name in old, old.get(name)) != (name in new, new.get(name))
    ]
    return (
        None if before is None else shown_params({n: old[n] for n in names if n in old}),
        None if after is None else shown_params({n: new[n] for n in names if n in new}),
    )
