"""Which API clients may have a bot call somebody."""

from collections.abc import Callable

from django.db import transaction

from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.models import Bot
from bots.selectors import lineage, outline
from bots.services.bots import bot_update
from bots.services.checks import locked_bots

_NAME = str(OutboundCalls.model_fields["dialout_clients"].alias)
_SHOWN = 100


def dialout_allow(bot: Bot, client_id: str, author: str) -> Bot:
    """Let the API client with the OAuth id ``client_id`` dial out with ``bot``.

    The bot then has a list of its own: what it inherits, and the client.

    Raises:
        LookupError: the bot was deleted.
        ParameterError: the bot does not work, or that is no id.
    """
    message = f"Let {client_id[:_SHOWN]} dial out"
    return _change(bot, author, message, lambda known: [*dict.fromkeys([*known, client_id])])


def dialout_disallow(bot: Bot, client_id: str, author: str) -> Bot:
    """Have ``bot`` refuse dialouts of the client with the OAuth id ``client_id``.

    Where the bot inherits the permission, it gets a list of its own without it.

    Raises:
        LookupError: the bot was deleted.
        ParameterError: the bot does not work.
    """
    message = f"Let {client_id[:_SHOWN]} dial out no more"
    return _change(bot, author, message, lambda known: [id_ for id_ in known if id_ != client_id])


@transaction.atomic
def _change(bot: Bot, author: str, message: str, change: Callable[[list[str]], list[str]]) -> Bot:
    stored = locked_bots()
    current = stored.get(bot.pk)
    if current is None:
        raise LookupError(f"bot {bot.name!r} was deleted")
    known = list(outline(lineage(current, stored)).chain(_NAME)[-1][1])
    wanted = change(known)
    if wanted == known:
        return current
    return bot_update(
        bot=current,
        expected_revision=current.revision,
        author=author,
        message=message,
        params={**current.params, _NAME: wanted},
    )
