"""The console's pages about people: the list, adding, roles and reach, links, removal."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.core.errors import Denied, ParameterError
from bots.core.roles import ADMINISTRATOR, ROLES, Permission
from bots.guards import asking, confirmed, permitted
from bots.people import Person
from bots.roster import STATES, PeopleFilter, entries, people
from bots.services.people import (
    Account,
    account_of,
    password_link,
    person_create,
    person_delete,
    person_update,
    unlock,
)
from bots.views.people_forms import AccountForm, NewPersonForm

PAGE_SIZE = 50


@require_safe
@permitted(Permission.MANAGE_PEOPLE)
def people_list(request: HttpRequest) -> HttpResponse:
    """Everybody, filtered by the address of the page."""
    chosen = _filter(request)
    found = people(asking(request), chosen)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = found[page.start_index() - 1 if page.paginator.count else 0 : page.end_index()]
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "chosen": chosen,
        "filtered": chosen != PeopleFilter(),
        "page": page,
        "entries": entries(asking(request), shown),
        "query": query.urlencode(),
        "roles": ROLES.values(),
    }
    return render(request, "people/list.html", context)


@require_safe
@permitted(Permission.MANAGE_PEOPLE)
def roles(request: HttpRequest) -> HttpResponse:
    """The table of roles."""
    return render(request, "people/roles.html", _table(asking(request)))


@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def add(request: HttpRequest) -> HttpResponseBase:
    """A new person, who gets a password or a link to choose one."""
    who = asking(request)
    form = NewPersonForm(who, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        password = given["password"] if given["how"] == "password" else None
        try:
            user = person_create(who, given["name"], form.account(), password=password)
            if password is None:
                return _shown_once(request, user)
        except ParameterError as refused:
            _at_fields(form, refused)
        else:
            messages.success(request, _("%(name)s can sign in.") % {"name": user.username})
            return redirect("people:list")
    return render(request, "people/add.html", {"form": form, **_table(who)})


@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def person(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """One account: roles, reach, and what can be done with it."""
    who, user = asking(request), _person(request, user_id)
    before = account_of(user)
    form = AccountForm(who, before, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            person_update(who, user, form.account(active=before.active))
        except ParameterError as refused:
            _at_fields(form, refused)
        except Denied as denied:
            raise PermissionDenied(denied.scope) from None
        else:
            messages.success(request, _("The account of %(name)s is saved.") % _named(user))
            return redirect("people:person", user.pk)
    found = people(who, PeopleFilter()).filter(pk=user.pk)
    context = {"form": form, "user_shown": user, "entry": entries(who, found)[0], **_table(who)}
    return render(request, "people/person.html", context)


@require_POST
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def link(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Make a one-time link; it is shown on this answer and never again."""
    user = _person(request, user_id)
    try:
        return _shown_once(request, user)
    except ParameterError as refused:
        messages.error(request, " ".join(refused.problems.values()))
    except Denied as denied:
        raise PermissionDenied(denied.scope) from None
    return redirect("people:person", user_id)


@require_POST
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def lift(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Unlock an account after too many wrong passwords."""
    return _done(request, user_id, unlock, _("%(name)s can try to sign in again."))


@require_POST
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def deactivate(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Keep somebody out; the account stays."""
    return _done(request, user_id, _activity(active=False), _("%(name)s cannot sign in."))


@require_POST
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def activate(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Let somebody in again."""
    return _done(request, user_id, _activity(active=True), _("%(name)s can sign in again."))


@require_POST
@permitted(Permission.MANAGE_PEOPLE)
@confirmed
def delete(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Remove an account for good."""
    return _done(request, user_id, person_delete, _("%(name)s is deleted."), back="people:list")


def _activity(*, active: bool) -> Callable[[Person, User], None]:
    def change(who: Person, user: User) -> None:
        account = account_of(user)
        wanted = Account(email=account.email, roles=account.roles, bots=account.bots, active=active)
        person_update(who, user, wanted)

    return change


def _done(
    request: HttpRequest,
    user_id: int,
    change: Callable[[Person, User], None],
    said: str,
    *,
    back: str = "",
) -> HttpResponseBase:
    """Carry out ``change`` and say so, or say why not."""
    user = _person(request, user_id)
    name = _named(user)
    try:
        change(asking(request), user)
    except ParameterError as refused:
        messages.error(request, " ".join(refused.problems.values()))
    except Denied as denied:
        raise PermissionDenied(denied.scope) from None
    else:
        messages.success(request, said % name)
        if back:
            return redirect(back)
    return redirect("people:person", user_id)


def _person(request: HttpRequest, user_id: int) -> User:
    return get_object_or_404(asking(request).visible_people(), pk=user_id)


def _named(user: User) -> dict[str, str]:
    return {"name": user.username}


def _shown_once(request: HttpRequest, user: User) -> HttpResponse:
    uid, token = password_link(asking(request), user)
    path = reverse("password_reset_confirm", args=[uid, token])
    context = {"user_shown": user, "link": request.build_absolute_uri(path)}
    response = render(request, "people/link.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _at_fields(form: Form, refused: ParameterError) -> None:
    for field, problem in refused.problems.items():
        form.add_error(field if field in form.fields else None, problem)


def _table(who: Person) -> dict[str, object]:
    """The roles and what each permits; which of them ``who`` may give."""
    return {
        "roles": [
            {
                "role": role,
                "giveable": role.name != ADMINISTRATOR or who.may(Permission.ADMINISTER),
            }
            for role in ROLES.values()
        ],
        "permissions": list(Permission),
    }


def _filter(request: HttpRequest) -> PeopleFilter:
    given = request.GET.get
    role, state, source = given("role", ""), given("state", ""), given("source", "")
    return PeopleFilter(
        text=given("q", "").strip()[:150],
        role=role if role in ROLES or role == "none" else "",
        state=state if state in STATES else "",
        source=source if source in ("local", "sso") else "",
    )
