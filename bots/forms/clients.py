"""What is filled in about API clients: settings, a token to mint, the overlap of a rotation."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bots.core.errors import ParameterError
from bots.core.scopes import SCOPES
from bots.models import ApiClient, Bot
from bots.people import Person
from bots.services.client_rules import Described, checked
from bots.services.clients import LONGEST_TOKEN_DAYS

_SCOPES = [(scope.name, scope.title) for scope in SCOPES.values()]


class ClientForm(forms.Form):
    """The settings of a client, of one to be or one that is."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("The machine or program, such as Dialer.")
    )
    owner = forms.CharField(
        label=_("Owner"), max_length=200, required=False, help_text=_("Whom to ask about it.")
    )
    notes = forms.CharField(
        label=_("Notes"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    scopes = forms.MultipleChoiceField(label=_("Scopes"), choices=_SCOPES, required=False)
    reach = forms.ChoiceField(choices=[("all", _("All bots")), ("listed", _("Only these"))])
    bots = forms.MultipleChoiceField(label=_("Bots"), required=False)
    rate_per_second = forms.IntegerField(
        label=_("Requests per second"),
        min_value=1,
        max_value=10_000,
        help_text=_("Twice as many at once; more are answered with status 429."),
    )
    dialouts_per_second = forms.FloatField(
        label=_("Outbound calls placed per second"),
        min_value=0.01,
        max_value=1_000,
        help_text=_("Others wait their turn."),
    )
    max_dialouts = forms.IntegerField(
        label=_("Outbound calls at the same time"),
        min_value=1,
        max_value=100_000,
        help_text=_("Those that ring included."),
    )
    allowed_networks = forms.CharField(
        label=_("Networks it may be used from"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}),
        help_text=_("One a line, such as 192.0.2.0/24; empty: any address."),
    )
    notify_hosts = forms.CharField(
        label=_("Hosts it may have notified"),
        required=False,
        max_length=30_000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}),
        help_text=_("One a line, such as dialer.example.com; empty: any public one."),
    )
    sign_notifications = forms.BooleanField(label=_("Sign notifications"), required=False)

    def __init__(self, who: Person, client: ApiClient | None = None, data: Any = None) -> None:
        super().__init__(data, initial=_initial(client or ApiClient()))
        self._who, self._client = who, client
        bots = Bot.objects.filter(is_base=False)
        if who.bots is not None:
            bots = bots.filter(name__in=who.bots)
        names = [(name, name) for name in bots.order_by("name").values_list("name", flat=True)]
        self.fields["bots"].choices = names  # type: ignore[attr-defined]  # of this field

    def clean(self) -> None:
        """Also what the rules find, so that every wrong field shows at once."""
        try:
            checked(self._read(), self._who, self._client)
        except ParameterError as refused:
            for field, problem in refused.problems.items():
                self.add_error(field, problem)

    def given(self) -> Described:
        """What the valid form sets."""
        fields: Described = self._read()  # type: ignore[assignment]  # the fields have these names
        return fields

    def _read(self) -> dict[str, Any]:
        """What the fields that are well-formed set."""
        found: dict[str, Any] = dict(self.cleaned_data)
        if found.pop("reach", "listed") == "all":
            found["bots"] = None
        for field in {"allowed_networks", "notify_hosts"} & found.keys():
            found[field] = found[field].split()
        return found

    @property
    def chosen(self) -> dict[str, Collection[str]]:
        """What is ticked in the form: scopes, bots, reach."""
        return {
            "scopes": list(self["scopes"].value() or ()),
            "bots": list(self["bots"].value() or ()),
            "reach": [self["reach"].value() or "all"],
        }


def _initial(client: ApiClient) -> dict[str, Any]:
    plain = ("name", "owner", "notes", "rate_per_second", "dialouts_per_second", "max_dialouts")
    return {
        **{field: getattr(client, field) for field in plain},
        "sign_notifications": client.sign_notifications,
        "scopes": client.allowed_scopes,
        "reach": "all" if client.all_bots else "listed",
        "bots": [bot.name for bot in client.bots.all()] if client.pk else [],
        "allowed_networks": "\n".join(client.allowed_networks),
        "notify_hosts": "\n".join(client.notify_hosts),
    }


class MintForm(forms.Form):
    """A token to be minted."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What it is for, such as nightly report.")
    )
    days = forms.IntegerField(
        label=_("Good for, in days"),
        min_value=1,
        max_value=LONGEST_TOKEN_DAYS,
        initial=90,
        help_text=_("1 to 366"),
    )
    scopes = forms.MultipleChoiceField(label=_("Scopes"), required=False)

    def __init__(self, client: ApiClient, data: Any = None) -> None:
        super().__init__(data, initial={"scopes": client.allowed_scopes})
        allowed = [(name, name) for name in SCOPES if name in client.allowed_scopes]
        self.fields["scopes"].choices = allowed  # type: ignore[attr-defined]  # of this field


class RotationForm(forms.Form):
    """How long the secret so far is good beside the next."""

    overlap_hours = forms.TypedChoiceField(
        label=_("The secret so far is good for"),
        coerce=int,
        initial=24,
        choices=[
            (24, _("24 hours more")),
            (168, _("7 days more")),
            (1, _("1 hour more")),
            (0, _("no longer: it leaked")),
        ],
    )
