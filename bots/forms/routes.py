"""Forms of the pages about numbers and routes."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bots.core.routing import Arrival
from bots.models import Bot, Route

MAX_HEADERS = 20


class RouteForm(forms.Form):
    """One route as it is edited; rules between the fields are those of the service."""

    pattern = forms.CharField(
        label=_("Called number"),
        max_length=64,
        help_text=_("Such as +15550100, +1555* for all that begin so, or * for every call."),
    )
    bot = forms.ModelChoiceField(
        label=_("Bot"), queryset=Bot.objects.none(), to_field_name="name", empty_label=_("Choose")
    )
    host = forms.CharField(
        label=_("Host"),
        max_length=253,
        required=False,
        help_text=_("Where the call was sent to, such as eu.example.com or *.example.com."),
    )
    header_name = forms.CharField(
        label=_("SIP header"), max_length=100, required=False, help_text=_("Such as X-Tenant.")
    )
    header_value = forms.CharField(
        label=_("Value of the header"),
        max_length=200,
        required=False,
        help_text=_("* stands for anything. Empty: the header only has to be there."),
    )
    priority = forms.IntegerField(
        label=_("Priority"), min_value=0, initial=100, help_text=_("Low ones are tried first.")
    )
    note = forms.CharField(label=_("Note"), max_length=200, required=False)
    enabled = forms.BooleanField(label=_("In use"), required=False, initial=True)
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, route: Route | None = None, **kwargs: Any) -> None:
        if route is not None and "initial" not in kwargs:
            kwargs["initial"] = route_values(route) | {"revision": route.revision}
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["bot"]
        chosen.queryset = Bot.objects.filter(is_base=False).order_by("name")
        for field in ("pattern", "host", "header_name", "header_value"):
            self.fields[field].widget.attrs |= {"class": "mono", "autocomplete": "off"}

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show ``problems`` of the service at their fields."""
        for name, text in problems.items():
            self.add_error(name if name in self.fields else None, text)


def route_values(route: Route) -> dict[str, Any]:
    """The fields of ``route`` as `RouteForm` shows them."""
    names = [name for name in RouteForm.base_fields if name not in ("bot", "revision")]
    return {name: getattr(route, name) for name in names} | {"bot": route.bot.name}


class ArrivalForm(forms.Form):
    """The call for which somebody wants to know which rule takes it."""

    called = forms.CharField(
        label=_("Called number"),
        max_length=320,
        help_text=_("As trunks write it: +4930…, 0049 30…, tel: or sip: address."),
    )
    host = forms.CharField(label=_("Host"), max_length=253, required=False)
    headers = forms.CharField(
        label=_("SIP headers"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 1, "placeholder": "X-Tenant: retail"}),
        help_text=_("One on each line."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs |= {"class": "mono", "autocomplete": "off", "spellcheck": "false"}

    def clean_headers(self) -> dict[str, str]:
        """By name; of several with one name the last."""
        found: dict[str, str] = {}
        for line in str(self.cleaned_data["headers"]).splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip():
                found[name.strip()] = value.strip()
            elif line.strip():
                raise forms.ValidationError(_("Write each header as Name: value."))
        if len(found) > MAX_HEADERS:
            raise forms.ValidationError(_("These are too many headers."))
        return found

    def arrival(self) -> Arrival:
        """The call, once the form is valid."""
        return Arrival(
            called=self.cleaned_data["called"],
            host=self.cleaned_data["host"],
            headers=self.cleaned_data["headers"],
        )
