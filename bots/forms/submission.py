"""What somebody sent to change a bot, and what became of the bot meanwhile."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext

from bots import secrets
from bots.core import catalogue
from bots.core.params import presentation
from bots.core.params.merging import Contested, merged, same, three_way
from bots.core.params.resolve import MASK
from bots.forms import parameters
from bots.forms.settings import SettingsForm
from bots.history import settings_at
from bots.models import Bot, BotRevision, Provider
from bots.selectors import ROLES
from bots.services import BotFields
from bots.services.traces import REFERENCES, settings_of, shown_params

CHOICE = "choose."


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed, based on revision ``expected``; ``problems`` by field or wire name."""

    changes: BotFields
    problems: dict[str, str]
    expected: int
    message: str = ""

    @property
    def touches_secrets(self) -> bool:
        """Whether a secret is set, so that the person must have proved who they are."""
        known = catalogue.everything()
        return any(
            name in known and known[name].param.secret and value not in ("", MASK)
            for name, value in self.changes.get("params", {}).items()
        )


def submitted(post: QueryDict, form: SettingsForm, held: Mapping[str, Any]) -> Submitted:
    """The fields that were sent, and own values if the form held any: as rows, or as raw JSON."""
    changes, problems = form.changes()
    if "json" in post:
        params, wrong = _raw(post.get("json", ""))
        changes, problems = {**changes, "params": params}, problems | wrong
    elif "rows" in post:
        params, wrong = parameters.read(post, held)
        changes, problems = {**changes, "params": params}, problems | wrong
    return Submitted(
        changes=changes,
        problems=problems,
        expected=whole(post.get("revision", "")),
        message=" ".join(post.get("message", "").split()),
    )


def _raw(text: str) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        found = presentation.parsed(text or "{}")
    except ValueError as error:
        return {}, {"json": str(error)}
    if not isinstance(found, dict):
        return {}, {"json": gettext("must be an object of wire names and values")}
    return found, {}


def whole(text: str) -> int:
    """A whole number of an address or a form; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


# --- somebody else was faster ---------------------------------------------------------------------


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody stored ``current`` since the revision that ``sent`` is based on."""

    sent: Submitted
    current: Bot
    contested: list[Contested]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """What is contested, for people: secrets masked; ``mine_lost`` cannot be taken."""
        return [
            {
                "name": each.name,
                "conflict": each.conflict,
                "choice": each.choice,
                "mine_lost": secrets.is_envelope(each.mine),
                **{
                    side: shown_params({each.name: getattr(each, side)})[each.name]
                    for side in ("base", "theirs", "mine")
                },
            }
            for each in self.contested
        ]

    @property
    def undecided(self) -> bool:
        """Whether somebody still has to choose."""
        return any(not each.choice for each in self.contested)

    def decided(self) -> Submitted:
        """What is stored over ``current`` once everything is chosen."""
        theirs = _state(self.current)
        wanted = merged(theirs, self.contested)
        changes: dict[str, Any] = {}
        for field in settings_of(self.current):
            value = wanted.pop(field)
            if value != theirs.pop(field):
                changes[field] = _row(field, value) if field in REFERENCES and value else value
        if not same(wanted, theirs):
            changes["params"] = wanted
        # The fields of the state are those of the dictionary.
        return msgspec.structs.replace(
            self.sent, changes=cast("BotFields", changes), expected=self.current.revision
        )


def merge(sent: Submitted, bot: Bot, chosen: Mapping[str, str]) -> Merge:
    """``sent`` against ``bot`` as it is stored, with the revision that ``sent`` is based on."""
    then = BotRevision.objects.filter(bot=bot, number=sent.expected).first()
    base: dict[str, Any] = {**settings_at(then), **then.params} if then else {}
    theirs = _state(bot)
    mine = {**(base or theirs), **_as_state(sent.changes, then.params if then else {})}
    if "params" in sent.changes:
        fields, params = settings_of(bot), sent.changes["params"]
        mine = {name: v for name, v in mine.items() if name in fields or name in params}
    # An encrypted secret is taken only from the bot as it is, never from an older revision.
    lost = {name: "theirs" for name, value in mine.items() if secrets.is_envelope(value)}
    contested = three_way(base, theirs, mine, {**chosen, **lost})
    return Merge(sent=sent, current=bot, contested=contested)


def _state(bot: Bot) -> dict[str, Any]:
    return {**settings_of(bot), **bot.params}


def _as_state(changes: BotFields, held: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = dict(changes)
    params, _ = secrets.received(catalogue.everything(), found.pop("params", {}), held)
    rows = {name: row.name if row else None for name, row in found.items() if name in REFERENCES}
    return {**found, **rows, **params}


def _row(field: str, name: str) -> Bot | Provider:
    model: type[Bot | Provider] = Provider if field in ROLES.values() else Bot
    return model._default_manager.get(name=name)
