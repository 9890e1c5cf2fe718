"""The fields of a bot beside its parameters."""

from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.models import Bot, Provider
from bots.selectors import ROLES, Outline
from bots.services import BotFields
from bots.services.traces import REFERENCES

PROVIDERS = {
    "bot": _("Bot framework"),
    "stt": _("Speech to text"),
    "tts": _("Text to speech"),
    "vad": _("Voice activity detection"),
    "carrier": _("Carrier of outbound calls"),
}


class SettingsForm(forms.Form):
    """Name, base, providers and access of a bot.

    `changes` are those fields that were sent: a form without a field leaves it as it is.
    """

    display_name = forms.CharField(
        label=_("Display name"),
        required=False,
        max_length=200,
        help_text=_("For people; empty: the name."),
    )
    base = forms.ChoiceField(label=_("Inherits from"), required=False)
    enabled = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("on", _("Takes calls")), ("off", _("Paused: refuses calls"))],
    )
    access_mode = forms.ChoiceField(
        label=_("Callers must present"),
        required=False,
        choices=[
            ("none", _("Nothing")),
            ("token", _("The bot's permanent token")),
            ("oauth", _("An OAuth access token with scope voice:connect")),
        ],
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        bot: Bot,
        outline: Outline | None,
        bases: QuerySet[Bot],
        read_only: bool = False,
    ) -> None:
        super().__init__(data, initial=_initial(bot))
        self.bot = bot
        self._bases = {base.name: base for base in bases}
        self._providers = {row.name: row for row in Provider.objects.order_by("name")}
        if bot._state.adding:
            self.fields["name"] = forms.CharField(
                label=_("Name"),
                max_length=100,
                help_text=_("Part of the bot's URL; it cannot be changed later."),
            )
            self.order_fields(["name"])
        base_choices = [(name, name) for name in self._bases if name != bot.name]
        _choices(self, "base", [("", _("Nothing: only the defaults")), *base_choices])
        for kind, field in reversed(ROLES.items()):
            rows = [row for row in self._providers.values() if row.kind == kind]
            choices = [("", _inherit_words(bot, outline, kind)), *((r.name, r.name) for r in rows)]
            self.fields[field] = forms.ChoiceField(
                label=PROVIDERS[kind], required=False, choices=choices
            )
        if bot.is_base:
            del self.fields["access_mode"]
            _choices(self, "enabled", [("on", _("In use")), ("off", _("Not in use"))])
        for field in REFERENCES:
            self.fields[field].widget.attrs["data-inherits"] = "1"
        if read_only:
            for each in self.fields.values():
                each.disabled = True

    def changes(self) -> tuple[BotFields, dict[str, str]]:
        """The fields that were sent, and what is wrong with them by field."""
        self.full_clean()
        problems = {field: " ".join(map(str, texts)) for field, texts in self.errors.items()}
        sent = {name: v for name, v in self.cleaned_data.items() if name in self.data}
        rows: dict[str, Any] = {
            "base": self._bases,
            **dict.fromkeys(ROLES.values(), self._providers),
        }
        for field, known in rows.items():
            if field in sent:
                sent[field] = known[sent[field]] if sent[field] else None
        if "enabled" in sent:
            sent["enabled"] = sent["enabled"] != "off"
        # The fields of the form are those of the dictionary.
        return cast("BotFields", sent), problems


def _choices(form: forms.Form, field: str, choices: list[tuple[str, Any]]) -> None:
    found = form.fields[field]
    assert isinstance(found, forms.ChoiceField)  # noqa: S101 - declared above
    found.choices = choices


def _initial(bot: Bot) -> dict[str, Any]:
    found: dict[str, Any] = {
        field: row.name if (row := getattr(bot, field)) is not None else ""
        for field in ("base", *ROLES.values())
    }
    return found | {
        "name": bot.name,
        "display_name": bot.display_name,
        "enabled": "on" if bot.enabled else "off",
        "access_mode": bot.access_mode,
    }


def _inherit_words(bot: Bot, outline: Outline | None, kind: Any) -> str:
    """What an empty choice of a provider comes to."""
    chain = outline.provider_chain(kind) if outline else ()
    above = [(owner, row) for owner, row in chain if owner != bot]
    if not above:
        words = {
            "vad": gettext("Built in (WebRTC)"),
            "carrier": gettext("None: places no outbound calls"),
        }
        return words.get(kind, gettext("None chosen"))
    owner, row = above[-1]
    return gettext("%(provider)s (from %(base)s)") % {
        "provider": row.name,
        "base": owner.name,
    }
