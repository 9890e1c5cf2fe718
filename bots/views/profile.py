"""The console's page about one's own account: preferences, password, sessions, roles."""

from zoneinfo import available_timezones

from django.contrib import messages
from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from bots.core.errors import ParameterError
from bots.core.roles import ROLES, Permission
from bots.guards import account, asking, signed_in
from bots.models import Member
from bots.services.people import (
    account_of,
    end_own_sessions,
    password_changed,
    preferences_update,
)

TIME_ZONE = "time_zone"
"""Key of the session, see `gateway_project.middleware`."""


@require_http_methods(["GET", "POST"])
@signed_in
def profile(request: HttpRequest) -> HttpResponseBase:
    """What the person prefers and may do; POST changes the time zone."""
    problems: dict[str, str] = {}
    if request.method == "POST":
        zone = request.POST.get("time_zone", "")
        try:
            preferences_update(account(request), time_zone=zone)
        except ParameterError as refused:
            problems = refused.problems
        else:
            request.session[TIME_ZONE] = zone
            messages.success(request, _("Your preferences are saved."))
            return redirect("profile")
    return _page(request, problems=problems, form=_form(request))


@sensitive_post_parameters()
@require_POST
@signed_in
def password(request: HttpRequest) -> HttpResponseBase:
    """Change one's own password; all other sessions of the person end."""
    form = _form(request, request.POST)
    if not form.is_valid():
        return _page(request, problems={}, form=form)
    user = form.save()
    password_changed(user)
    update_session_auth_hash(request, user)
    messages.success(request, _("Your password is changed; other browsers are signed out."))
    return redirect("profile")


@require_POST
@signed_in
def sign_out_everywhere(request: HttpRequest) -> HttpResponseBase:
    """End every session of the person, this one included."""
    end_own_sessions(account(request))
    logout(request)
    return redirect("login")


class _Form(PasswordChangeForm):
    """Wrong old passwords count as at sign-in, so that an open browser is no place to guess."""

    def __init__(self, request: HttpRequest, data: QueryDict | None) -> None:
        super().__init__(account(request), data)
        self._request = request

    def clean_old_password(self) -> str:
        """The password so far."""
        old: str = self.cleaned_data["old_password"]
        name = self.user.get_username()
        if authenticate(self._request, username=name, password=old) != self.user:
            wrong = self.error_messages["password_incorrect"]
            raise ValidationError(wrong, code="password_incorrect")
        return old


def _form(request: HttpRequest, data: QueryDict | None = None) -> _Form:
    form = _Form(request, data)
    del form.fields["old_password"].widget.attrs["autofocus"]
    return form


def _page(request: HttpRequest, *, problems: dict[str, str], form: _Form) -> HttpResponse:
    member = Member.objects.filter(user=account(request)).first()
    own, who = account_of(account(request)), asking(request)
    context = {
        "form": form,
        "problems": problems,
        "zones": sorted(available_timezones()),
        "zone": request.POST.get("time_zone", member.time_zone if member else ""),
        "by_single_sign_on": bool(member and member.source == "sso"),
        "roles": [role for role in ROLES.values() if role.name in own.roles],
        "reach": None if own.bots is None else sorted(own.bots),
        "permissions": [permission for permission in Permission if who.may(permission)],
    }
    return render(request, "profile/profile.html", context)
