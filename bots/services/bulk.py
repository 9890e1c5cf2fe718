"""The same change of many bots: all of them or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction

from bots.core.errors import ParameterError
from bots.models import Bot
from bots.services.bots import BotFields, bot_update

INHERIT = object()
"""In place of a value: the bots inherit it."""

Changes = Callable[[Bot], BotFields]


def bots_pause(
    *, bots: Sequence[Bot], revisions: Mapping[str, int], enabled: bool, author: str
) -> list[Bot]:
    """Pause or resume ``bots``; those that are so already stay as they are.

    Raises:
        StaleRevision: one of them is not at its revision in ``revisions`` any more.
        ParameterError: every problem, keyed ``bot.parameter``.
    """
    wanted = [bot for bot in bots if bot.enabled != enabled]
    message = "Resume" if enabled else "Pause"
    return _all(wanted, revisions, author, message, lambda bot: {"enabled": enabled})


def bots_set(
    *,
    bots: Sequence[Bot],
    revisions: Mapping[str, int],
    name: str,
    value: Any,
    author: str,
    message: str = "",
) -> list[Bot]:
    """Set the parameter ``name`` of ``bots``, or with `INHERIT` have them inherit it.

    Raises:
        StaleRevision: one of them is not at its revision in ``revisions`` any more.
        ParameterError: every problem, keyed ``bot.parameter``.
    """
    wanted = [bot for bot in bots if with_value(bot, name, value) != bot.params]
    return _all(
        wanted, revisions, author, message, lambda bot: {"params": with_value(bot, name, value)}
    )


def with_value(bot: Bot, name: str, value: Any) -> dict[str, Any]:
    """The own values of ``bot`` with one more, or without it for `INHERIT`."""
    params = {**bot.params, name: value}
    if value is INHERIT:
        del params[name]
    return params


@transaction.atomic
def _all(
    bots: Sequence[Bot],
    revisions: Mapping[str, int],
    author: str,
    message: str,
    changes: Changes,
) -> list[Bot]:
    done: list[Bot] = []
    problems: dict[str, str] = {}
    for bot in bots:
        try:
            # NB a savepoint each, so that a refused claim does not hide the problems of the others.
            with transaction.atomic():
                changed = bot_update(
                    bot=bot,
                    expected_revision=revisions[bot.name],
                    author=author,
                    message=message,
                    **changes(bot),
                )
        except ParameterError as error:
            problems |= {f"{bot.name}.{name}": text for name, text in error.problems.items()}
        else:
            done.append(changed)
    if problems:
        raise ParameterError(problems)
    return done
