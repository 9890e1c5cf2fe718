"""The filter of the call history as people see it: fields, chips of what is chosen, named views."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.search import Seen

Choices = list[tuple[str, str | Promise]]
ANY = ("", _("Any"))
PARTS = (
    *("range", "from", "to", "bot", "number", "q", "result", "reason", "by"),
    *("direction", "channel", "mode", "longer", "slower", "has", "test"),
)
"""What of an address is filter."""
FIRST_PARTS = ("range", "bot", "result", "number", "q")
"""Those whose fields are always shown."""
RANGES: Choices = [
    ("", _("Any time")),
    ("1h", _("Last hour")),
    ("today", _("Today")),
    ("yesterday", _("Yesterday")),
    ("24h", _("Last 24 hours")),
    ("7d", _("Last 7 days")),
    ("30d", _("Last 30 days")),
    ("custom", _("From … to …")),
]
RESULTS: Choices = [
    ANY,
    ("completed", _("Completed")),
    ("transferred", _("Transferred")),
    ("failed", _("Failed")),
    ("active", _("In progress")),
]
VIEWS: list[tuple[str | Promise, str]] = [
    (_("Failed today"), "range=today&result=failed"),
    (_("Slow replies, last 24 hours"), "range=24h&slower=1500"),
    (_("Transferred, last 7 days"), "range=7d&result=transferred"),
    (_("With faults of services, last 7 days"), "range=7d&has=fault"),
    (_("In progress"), "result=active"),
]
"""Views that everybody has: name and address."""


class FilterForm(forms.Form):
    """The fields of the filter; what they mean is up to `calls.core.callfilter`."""

    range = forms.ChoiceField(label=_("Started"), required=False, choices=RANGES)
    bot = forms.ChoiceField(label=_("Bot"), required=False)
    result = forms.ChoiceField(label=_("Result"), required=False, choices=RESULTS)
    number = forms.CharField(
        label=_("Number or id"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    q = forms.CharField(
        label=_("Words in the transcript"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "minlength": 3}),
    )
    direction = forms.ChoiceField(
        label=_("Direction"),
        required=False,
        choices=[ANY, ("inbound", _("Inbound")), ("outbound", _("Outbound"))],
    )
    channel = forms.ChoiceField(label=_("Channel"), required=False)
    mode = forms.ChoiceField(
        label=_("Mode"), required=False, choices=[ANY, ("voice", _("Voice")), ("text", _("Text"))]
    )
    reason = forms.ChoiceField(label=_("End reason or cause"), required=False)
    by = forms.ChoiceField(
        label=_("Ended by"),
        required=False,
        choices=[
            ANY,
            ("caller", _("Caller")),
            ("bot", _("Bot")),
            ("gateway", _("Gateway")),
            ("operator", _("Operator")),
        ],
    )
    longer = forms.IntegerField(
        label=_("Longer than (s)"), required=False, widget=forms.NumberInput(attrs={"min": 0})
    )
    slower = forms.IntegerField(
        label=_("A wait over (ms)"),
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "step": 100}),
    )
    test = forms.ChoiceField(
        label=_("Test calls"),
        required=False,
        choices=[("", _("Hidden")), ("shown", _("Shown")), ("only", _("Only these"))],
    )
    has = forms.MultipleChoiceField(
        label=_("With"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[
            ("fault", _("Faults")),
            ("transfer", _("Transfer")),
            ("recording", _("Recording")),
            ("dtmf", _("Keys pressed")),
        ],
    )

    def __init__(self, query: QueryDict, latest: Seen) -> None:
        super().__init__(query)
        self._offer("bot", latest.bots, query)
        self._offer("reason", latest.reasons, query)
        self._offer("channel", latest.channels, query)

    def _offer(self, name: str, seen: Sequence[str], query: QueryDict) -> None:
        # A bookmarked value stays chosen when the latest calls no longer show it.
        values = sorted({*seen, query.get(name, "")} - {""})
        label = self.fields[name].label
        choices: Choices = [ANY, *((value, value) for value in values)]
        self.fields[name] = forms.ChoiceField(label=label, required=False, choices=choices)

    def first(self) -> list[forms.BoundField]:
        """The fields that are always shown."""
        return [self[name] for name in FIRST_PARTS]

    def more(self) -> list[forms.BoundField]:
        """The fields behind "More conditions", without ``has``."""
        shown = ("reason", "by", "direction", "channel", "mode", "longer", "slower", "test")
        return [self[name] for name in shown]


class Chip(msgspec.Struct, frozen=True):
    """One condition in words, and the address without it."""

    words: str
    query: str


def chips(form: FilterForm, query: QueryDict, ignored: Iterable[str]) -> list[Chip]:
    """What is chosen, each removable; what was not understood is no condition and has none."""
    found = []
    skipped = set(ignored)
    for name in PARTS:
        values = [value for value in query.getlist(name) if value]
        if not values or name in skipped or (name == "range" and values[-1] == "custom"):
            continue
        for value in values if name == "has" else values[-1:]:
            found.append(Chip(_words(form, name, value), without(query, name, value)))
    return found


def without(query: QueryDict, name: str, value: str = "") -> str:
    """The address without one condition, on its first page."""
    rest = query.copy()
    rest.pop("at", None)
    kept = [each for each in rest.getlist(name) if name == "has" and each != value]
    rest.setlist(name, kept)
    return rest.urlencode()


def _words(form: FilterForm, name: str, value: str) -> str:
    if name in ("from", "to"):
        label: Any = _("From") if name == "from" else _("To")
        return f"{label} {value.replace('T', ' ')}"
    field = form.fields[name]
    choices = dict(getattr(field, "choices", ()))
    return f"{field.label}: {choices.get(value, value)}"
