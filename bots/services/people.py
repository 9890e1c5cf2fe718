"""Changing accounts of people: adding, roles and reach, passwords, removal.

Who asks is an argument: nobody changes their own account, and only administrators those of
administrators. Sessions of a person whose rights shrink end at once.
"""

import itertools
import re
from collections.abc import Collection, Iterable
from importlib import import_module
from typing import Any
from zoneinfo import available_timezones

import msgspec
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import Denied, ParameterError
from bots.core.roles import ADMINISTRATOR, ROLES, Permission, granted
from bots.models import Bot, Member
from bots.people import Person, active_administrators, is_administrator

KIND = "user"
"""What the audit log calls an account."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What others decide about an account. ``bots``: names of the bots reached; None means all."""

    email: str = ""
    roles: Collection[str] = ()
    bots: Collection[str] | None = None
    active: bool = True

    def shown(self) -> dict[str, Any]:
        """The account as the audit log keeps it."""
        reach = "all" if self.bots is None else sorted(self.bots)
        return {
            "email": self.email,
            "roles": sorted(self.roles),
            "bots": reach,
            "active": self.active,
        }

    def exceeds(self, other: "Account") -> bool:
        """Whether this account may do, or reaches, anything that ``other`` does not."""
        if self.active and not other.active:
            return True
        if granted(self.roles) - granted(other.roles):
            return True
        if other.bots is None:
            return False
        return self.bots is None or bool(set(self.bots) - set(other.bots))


def account_of(user: User) -> Account:
    """The account of ``user`` as it is."""
    roles = {group.name for group in user.groups.all()} & set(ROLES)
    if user.is_superuser:
        roles.add(ADMINISTRATOR)
    member = Member.objects.filter(user=user).first()
    reach = None
    if member is not None and not member.all_bots:
        reach = frozenset(member.bots.values_list("name", flat=True))
    return Account(email=user.email, roles=frozenset(roles), bots=reach, active=user.is_active)


@transaction.atomic
def person_create(who: Person, name: str, account: Account, *, password: str | None) -> User:
    """A person who can sign in with ``password``; without one, by a link (`password_link`).

    Raises:
        Denied: ``who`` may not add people.
        ParameterError: problems at ``name``, ``password``, or as for `person_update`.
    """
    _may(who, Permission.MANAGE_PEOPLE)
    user = User(username=name.strip(), email=account.email.strip())
    problems = {**_name_problems(user), **_problems(who, account, Account())}
    if password is not None:
        try:
            validate_password(password, user)
        except ValidationError as weak:
            problems["password"] = " ".join(weak.messages)
    if problems:
        raise ParameterError(problems)
    user.set_password(password)  # NB None makes it unusable
    user.is_active = account.active
    user.save()
    _grant(user, account)
    after = account.shown()
    record(Action.PERSON_CREATED, kind=KIND, target=user.pk, title=user.username, after=after)
    return user


@transaction.atomic
def person_update(who: Person, user: User, account: Account) -> None:
    """Change an account; what shrinks ends the person's sessions.

    Raises:
        Denied: ``who`` may not change this account.
        ParameterError: problems at ``email``, ``roles``, ``bots`` or ``active``.
    """
    user = _locked(who, user)
    before = account_of(user)
    if problems := _problems(who, account, before):
        raise ParameterError(problems)
    if is_administrator(user) and (not account.active or ADMINISTRATOR not in account.roles):
        _keep_an_administrator(user, "roles" if account.active else "active")
    user.email, user.is_active = account.email.strip(), account.active
    user.is_superuser = user.is_superuser and ADMINISTRATOR in account.roles
    user.save(update_fields=["email", "is_active", "is_superuser"])
    _grant(user, account)
    if before.exceeds(account):
        end_sessions(user)
    old, new = before.shown(), account.shown()
    changed = [field for field in new if old[field] != new[field]]
    if changed:
        record(
            Action.PERSON_CHANGED,
            kind=KIND,
            target=user.pk,
            title=user.username,
            before={field: old[field] for field in changed},
            after={field: new[field] for field in changed},
        )


@transaction.atomic
def person_delete(who: Person, user: User) -> None:
    """Remove an account; the audit log keeps the name.

    Raises:
        Denied: ``who`` may not remove this account.
        ParameterError: at ``active``: it is the last administrator.
    """
    user = _locked(who, user)
    if is_administrator(user):
        _keep_an_administrator(user, "active")
    end_sessions(user)
    before = account_of(user).shown()
    record(Action.PERSON_DELETED, kind=KIND, target=user.pk, title=user.username, before=before)
    AccessAttempt.objects.filter(username=user.username).delete()
    user.delete()


@transaction.atomic
def password_link(who: Person, user: User) -> tuple[str, str]:
    """The two parts of a one-time link by which the person chooses a password, within a day.

    The password so far is good until then.

    Raises:
        Denied: ``who`` may not change this account.
        ParameterError: at ``active``: the person cannot sign in, or not with a password.
    """
    user = _locked(who, user)
    if not user.is_active:
        raise ParameterError({"active": _("Activate the account first: its link would not work.")})
    if Member.objects.filter(user=user, source="sso").exists():
        raise ParameterError({"active": _("This person signs in by single sign-on.")})
    _record_change(user, "made a one-time link for a new password")
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


@transaction.atomic
def unlock(who: Person, user: User) -> None:
    """Let a person sign in again who gave a wrong password too often.

    Raises:
        Denied: ``who`` may not change this account.
    """
    user = _locked(who, user)
    unlock_by_name(user.username)
    _record_change(user, "unlocked")


def unlock_by_name(name: str) -> None:
    """Forget the failed sign-ins under ``name``, from wherever."""
    AccessAttempt.objects.filter(username=name).delete()


@transaction.atomic
def end_own_sessions(user: User) -> None:
    """Sign ``user`` out everywhere, at the wish of the person."""
    end_sessions(user)
    _record_change(user, "signed out everywhere")


def password_changed(user: User) -> None:
    """Put into the audit log that ``user`` has chosen another password."""
    _record_change(user, "changed the password")


def end_sessions(user: User) -> None:
    """Sign ``user`` out everywhere; live feeds follow within seconds."""
    # A session does not say in a column whose it is; a console has hundreds of them, not more.
    store = import_module(settings.SESSION_ENGINE).SessionStore
    owned = [
        session.session_key
        for session in Session.objects.filter(expire_date__gte=timezone.now()).iterator()
        if store().decode(session.session_data).get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(session_key__in=owned).delete()


@transaction.atomic
def sign_on(
    subject: str, *, name: str, email: str, email_is_verified: bool, roles: Collection[str]
) -> User:
    """The account of somebody who was let in by single sign-on, with the roles given there.

    It is found by ``subject``, once also by a verified e-mail address that only one account has;
    else it is made, under ``name`` or the first free name after it. A password and sessions that
    the account had before are good no longer.

    Raises:
        Denied: no role, or the account is not active.
    """
    if not roles:
        raise Denied("role")
    member = Member.objects.select_related("user").filter(subject=subject).first()
    user = member.user if member else None
    if user is None and email and email_is_verified:
        user = _only_account_with(email)
    if user is None:
        user = User(username=_free_name(name or email or subject), email=email)
        user.set_unusable_password()
        user.save()
        record(Action.PERSON_CREATED, kind=KIND, target=user.pk, title=user.username)
    if not user.is_active:
        raise Denied("active account")
    _adopt(user, subject, email, roles)
    return user


def _adopt(user: User, subject: str, email: str, roles: Collection[str]) -> None:
    before = account_of(user)
    user.email = email or user.email
    if user.has_usable_password():
        # Who made the account may know it, and would get the roles that the provider gives.
        user.set_unusable_password()
        end_sessions(user)
    user.save(update_fields=["email", "password"])
    others = user.groups.exclude(name__in=ROLES)
    user.groups.set([*others, *_groups(roles)])
    Member.objects.update_or_create(user=user, defaults={"subject": subject, "source": "sso"})
    if set(before.roles) != set(roles):
        record(
            Action.PERSON_CHANGED,
            kind=KIND,
            target=user.pk,
            title=user.username,
            before={"roles": sorted(before.roles)},
            after={"roles": sorted(roles)},
            message="single sign-on",
        )


def _only_account_with(email: str) -> User | None:
    """An account that nobody has signed on to; never the first administrator's."""
    found = list(
        User.objects.select_for_update()
        .filter(email__iexact=email, is_superuser=False)
        .exclude(pk__in=Member.objects.exclude(subject="").values("user"))[:2]
    )
    return found[0] if len(found) == 1 else None


def _free_name(wanted: str) -> str:
    stem = re.sub(r"[^\w.@+-]", "-", wanted)[:140] or "person"
    taken = set(User.objects.filter(username__istartswith=stem).values_list("username", flat=True))
    folded = {name.casefold() for name in taken}
    candidates = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
    return next(name for name in candidates if name.casefold() not in folded)


def preferences_update(
    user: User, *, language: str | None = None, time_zone: str | None = None
) -> None:
    """Change what the person prefers; the empty string means as the browser does.

    Raises:
        ParameterError: at ``language`` or ``time_zone``: there is none of that name.
    """
    problems = {}
    if language and language not in dict(settings.LANGUAGES):
        problems["language"] = _("Choose one of the languages in the list.")
    if time_zone and time_zone not in available_timezones():
        problems["time_zone"] = _("Choose one of the zones in the list, such as Europe/Berlin.")
    if problems:
        raise ParameterError(problems)
    chosen = {"language": language, "time_zone": time_zone}
    wanted = {name: value for name, value in chosen.items() if value is not None}
    Member.objects.update_or_create(user=user, defaults=wanted)


# --- rules ----------------------------------------------------------------------------------------


def _may(who: Person, permission: Permission) -> None:
    if not who.may(permission):
        raise Denied(permission)


def _locked(who: Person, user: User) -> User:
    """The row of ``user`` for as long as the transaction lasts, if ``who`` may change it."""
    _may(who, Permission.MANAGE_PEOPLE)
    found = who.visible_people().filter(pk=user.pk)
    locked = User.objects.select_for_update().filter(pk__in=found.values("pk")).first()
    if locked is None or not who.may_manage(locked):
        raise Denied(Permission.ADMINISTER)
    return locked


def _name_problems(user: User) -> dict[str, str]:
    if User.objects.filter(username__iexact=user.username).exists():
        return {"name": _("There is somebody with this name already.")}
    try:
        user.clean_fields(exclude=["password", "email"])
    except ValidationError as wrong:
        return {"name": " ".join(wrong.messages)}
    return {}


def _problems(who: Person, account: Account, before: Account) -> dict[str, str]:
    problems = {}
    try:
        User(email=account.email.strip()).clean_fields(exclude=["username", "password"])
    except ValidationError as wrong:
        problems["email"] = " ".join(wrong.messages)
    if unknown := set(account.roles) - set(ROLES):
        names = ", ".join(sorted(unknown))
        problems["roles"] = _("There is no role %(names)s.") % {"names": names}
    elif ADMINISTRATOR in set(account.roles) - set(before.roles) and not who.may(
        Permission.ADMINISTER
    ):
        problems["roles"] = _("Only an administrator can make somebody administrator.")
    if problem := _reach_problem(who, account.bots):
        problems["bots"] = problem
    return problems


def _reach_problem(who: Person, bots: Collection[str] | None) -> str:
    if bots is None:
        return "" if who.bots is None else _("You reach only some bots: choose among those.")
    known = set(Bot.objects.filter(name__in=bots).values_list("name", flat=True))
    strange = sorted(name for name in bots if name not in known or not who.reaches(name))
    if strange:
        return _("There is no bot %(names)s.") % {"names": ", ".join(strange)}
    return ""


def _keep_an_administrator(user: User, field: str) -> None:
    others = active_administrators().exclude(pk=user.pk).values("pk")
    if not User.objects.select_for_update().filter(pk__in=others).exists():
        raise ParameterError({field: _("This is the last active administrator.")})


def _grant(user: User, account: Account) -> None:
    others = user.groups.exclude(name__in=ROLES)
    user.groups.set([*others, *_groups(account.roles)])
    member, _created = Member.objects.update_or_create(
        user=user, defaults={"all_bots": account.bots is None}
    )
    member.bots.set(Bot.objects.filter(name__in=account.bots or ()))


def _groups(roles: Iterable[str]) -> list[Group]:
    return [Group.objects.get_or_create(name=role)[0] for role in sorted(roles)]


def _record_change(user: User, message: str) -> None:
    record(Action.PERSON_CHANGED, kind=KIND, target=user.pk, title=user.username, message=message)
