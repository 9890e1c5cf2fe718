"""What must hold before a change is stored, beyond what one row of the database can show."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from bots import secrets
from bots.core import catalogue
from bots.core.errors import GatewayError, ParameterError
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue
from bots.models import Bot, Provider
from bots.selectors import effective, lineage, with_providers


class StaleRevision(GatewayError):
    """The row was changed by somebody else since the revision that the change was based on.

    ``current`` is 0 when the row does not exist any more.
    """

    code = "stale-revision"

    def __init__(self, name: str, expected: int, current: int) -> None:
        self.name = name
        self.expected = expected
        self.current = current
        where = f"is at revision {current}" if current else "was deleted"
        super().__init__(
            f"{name} {where}, expected {expected}: load it again and repeat the change"
        )


def locked_bots() -> dict[int, Bot]:
    """Every bot by primary key, locked until the end of the transaction.

    NB the lock is taken before the rows are read: a statement that waited for a lock does not see
    rows that were inserted meanwhile. On SQLite the transaction itself is the lock.
    """
    list(Bot.objects.select_for_update().order_by("pk").values_list("pk"))
    return {bot.pk: bot for bot in with_providers()}


def field_problems(row: Model) -> dict[str, str]:
    """What the model's own fields find wrong with ``row``, by field name."""
    try:
        row.full_clean(validate_constraints=False)
    except ValidationError as error:
        return {field: " ".join(texts) for field, texts in error.message_dict.items()}
    return {}


def receive(row: Bot | Provider, params: object, held: Mapping[str, Any] | None) -> dict[str, str]:
    """Set ``params`` as somebody gives them; the secrets among them that are refused.

    ``held`` is where `bots.secrets.received` takes encrypted secrets from.
    """
    row.params = params
    if not isinstance(params, Mapping):
        return {}
    row.params, refused = secrets.received(catalogue.everything(), params, held)
    return refused


def seal(row: Bot | Provider) -> None:
    """Encrypt the secrets among the parameters of ``row``; call it before every save."""
    row.params = secrets.sealed(catalogue.everything(), row.params)


def value_problems(known: Catalogue, level: Level, params: object) -> dict[str, str]:
    """What is wrong with own values, secrets encrypted or not, by wire name."""
    if not isinstance(params, Mapping):
        return {"params": "must be an object of wire names and values"}
    plain, unreadable = secrets.opened(known, params)
    return known.problems(level, plain) | unreadable


def effective_problems(bot: Bot, bots: Mapping[int, Bot]) -> dict[str, str]:
    """What keeps ``bot`` from working, with ``bots`` as the others."""
    try:
        effective(lineage(bot, bots))
    except ParameterError as error:
        return error.problems
    return {}


def heirs(bot: Bot, bots: Iterable[Bot]) -> list[Bot]:
    """Every bot below ``bot``, near ones first; ends on circles too."""
    children: dict[int, list[Bot]] = {}
    for each in bots:
        if each.base_id is not None:
            children.setdefault(each.base_id, []).append(each)
    found: dict[int, Bot] = {bot.pk: bot}
    waiting = [bot.pk]
    while waiting:
        new = [heir for heir in children.get(waiting.pop(0), []) if heir.pk not in found]
        found |= {heir.pk: heir for heir in new}
        waiting += [heir.pk for heir in new]
    return [heir for key, heir in found.items() if key != bot.pk]


def new_problems(
    affected: Iterable[int], before: Mapping[int, Bot], after: Mapping[int, Bot]
) -> dict[str, str]:
    """Problems a change brings to bots that it does not change itself, keyed ``bot.parameter``.

    What is wrong with them already does not count: a bot that is broken for another reason must not
    block the repair of what it inherits from.
    """
    found = {}
    for key in affected:
        known = effective_problems(before[key], before)
        for name, text in effective_problems(after[key], after).items():
            if known.get(name) != text:
                found[f"{after[key].name}.{name}"] = text
    return found
