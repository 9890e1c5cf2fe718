"""What is filled in about an account."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bots.core.roles import ROLES
from bots.models import Bot
from bots.people import Person
from bots.services.people import Account


class AccountForm(forms.Form):
    """E-mail, roles and reach of an account."""

    email = forms.CharField(
        label=_("E-mail"), max_length=254, required=False, widget=forms.EmailInput
    )
    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=[(role.name, role.title) for role in ROLES.values()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    reach = forms.ChoiceField(choices=[("all", _("All bots")), ("listed", _("Listed bots only"))])
    bots = forms.MultipleChoiceField(label=_("Bots"), required=False)

    def __init__(self, who: Person, account: Account | None = None, data: Any = None) -> None:
        initial = {}
        if account is not None:
            initial = {
                "email": account.email,
                "roles": list(account.roles),
                "reach": "all" if account.bots is None else "listed",
                "bots": list(account.bots or ()),
            }
        super().__init__(data, initial=initial)
        bots = Bot.objects.filter(is_base=False)
        if who.bots is not None:
            bots = bots.filter(name__in=who.bots)
        names = [(name, name) for name in bots.order_by("name").values_list("name", flat=True)]
        self.fields["bots"].choices = names  # type: ignore[attr-defined]  # of this field

    def account(self, *, active: bool = True) -> Account:
        """The account that the valid form describes."""
        given = self.cleaned_data
        return Account(
            email=given["email"],
            roles=frozenset(given["roles"]),
            bots=None if given["reach"] == "all" else frozenset(given["bots"]),
            active=active,
        )

    @property
    def chosen(self) -> dict[str, list[str]]:
        """What stands in the form: roles, bots, reach."""
        return {
            "roles": list(self["roles"].value() or ()),
            "bots": list(self["bots"].value() or ()),
            "reach": [self["reach"].value() or "all"],
        }


class NewPersonForm(AccountForm):
    """An account to be, and how the person gets a password."""

    name = forms.CharField(label=_("Name"), max_length=150)
    how = forms.ChoiceField(
        choices=[("link", _("By a one-time link")), ("password", _("By a password"))]
    )
    password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Password again"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> None:
        """The same password twice, where there is to be one."""
        if self.cleaned_data.get("how") != "password":
            return
        if not self.cleaned_data.get("password"):
            self.add_error("password", _("Give a password, or choose the link."))
        elif self.cleaned_data["password"] != self.cleaned_data.get("again"):
            self.add_error("again", _("The two passwords differ."))
