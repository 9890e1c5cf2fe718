"""Signing in and out, proving again who one is, choosing a password by a link, languages."""

import math
import time
from datetime import timedelta
from typing import Any

from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import check_for_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.i18n import set_language

from bots.audit import acting, record
from bots.core.auditing import Action
from bots.guards import CONFIRMED_AT, own_address
from bots.guards import signed_in as for_signed_in
from bots.models import Member
from bots.services.people import preferences_update, unlock_by_name
from gateway_project.middleware import actor_of
from gateway_project.sessions import signed_in


class SignIn(LoginView):
    """The sign-in page: name and password, and single sign-on where there is one."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is single sign-on, and what its button says."""
        return super().get_context_data(
            single_sign_on=settings.ENVIRONMENT.oidc_name if settings.SINGLE_SIGN_ON else "",
            first_start=settings.DEMO and not User.objects.exclude(last_login=None).exists(),
            **kwargs,
        )

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Signed in: into the audit log, and in the person's own language."""
        response = super().form_valid(form)
        signed_in(self.request)
        member = Member.objects.filter(user=self.request.user.pk).first()
        if member and member.language:
            speak(response, member.language)
        return response


def speak(response: HttpResponseBase, language: str) -> None:
    """Let the browser ask for ``language`` from the next page on; empty: for its own."""
    if not language or not check_for_language(language):
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=timedelta(days=365),
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def without_password(request: HttpRequest, credentials: dict[str, Any] | None) -> bool:
    """Whether somebody signs in by single sign-on, so that no password can be guessed."""
    return "nonce" in (credentials or {})


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]
) -> HttpResponse:
    """The answer to too many wrong passwords for one name from one address."""
    name = get_client_username(request, credentials) or ""
    latest = (
        AccessAttempt.objects.filter(username=name, ip_address=request.META.get("REMOTE_ADDR"))
        .order_by("-attempt_time")
        .first()
    )
    since = timezone.now() - latest.attempt_time if latest else timedelta()
    seconds = max(1, math.ceil((settings.AXES_COOLOFF_TIME - since).total_seconds()))
    until = timezone.now() + timedelta(seconds=seconds)
    context = {"until": until, "minutes": math.ceil(seconds / 60)}
    answer = render(request, "registration/locked.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    return answer


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@for_signed_in
def confirm(request: HttpRequest) -> HttpResponseBase:
    """Ask for the password again before something that touches secrets or people."""
    back = own_address(request, request.POST.get("next") or request.GET.get("next"))
    again = ""
    if settings.SINGLE_SIGN_ON and Member.objects.filter(user=request.user.pk, source="sso"):
        # A link, not a redirect: the policy of the pages lets no form lead to another site.
        query = urlencode({"again": "1", "next": back})
        again = f"{reverse('oidc_authentication_init')}?{query}"
    wrong = False
    if request.method == "POST" and not again:
        name, password = request.user.get_username(), request.POST.get("password", "")
        user = authenticate(request, username=name, password=password)
        if user is not None and user.pk == request.user.pk:
            request.session.cycle_key()
            request.session[CONFIRMED_AT] = time.time()
            record(Action.CONFIRMED, kind="user", target=user.pk, title=name)
            return redirect(back)
        wrong = True
    return render(
        request, "registration/confirm.html", {"next": back, "wrong": wrong, "again": again}
    )


class ChoosePassword(PasswordResetConfirmView):
    """The page behind a one-time link: its holder chooses a password and can then sign in."""

    template_name = "registration/choose_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        """Store the password; wrong attempts at the old one count no longer."""
        response = super().form_valid(form)
        name = form.user.get_username()
        with acting(actor_of(self.request, name)):
            unlock_by_name(name)
            record(
                Action.PERSON_CHANGED,
                kind="user",
                target=form.user.pk,
                title=name,
                message="chose a password by a one-time link",
            )
        messages.success(self.request, gettext("The password is stored. Sign in with it."))
        return response


@require_POST
def language(request: HttpRequest) -> HttpResponseBase:
    """Change the language of the console, for this browser and as the person's preference."""
    response = set_language(request)
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        preferences_update(request.user, language=chosen)
    return response


@require_safe
@for_signed_in
def session(request: HttpRequest) -> JsonResponse:
    """Asked by open pages: that the person is still there, so the session goes on."""
    return JsonResponse({"signed_in": True})
