"""The pages that the rail lists and the search finds, each declared once."""

from typing import NamedTuple

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bots.core.roles import Permission as P
from bots.people import Person


class Page(NamedTuple):
    """One page of the rail, for people who have any of ``permissions``.

    It is the current one on the page ``name`` and on those of the same ``room``: the URL namespace,
    or names in it.
    """

    name: str
    title: str | Promise
    icon: str
    permissions: tuple[P, ...]
    room: tuple[str, ...] = ()
    key: str = ""
    """Pressed after ``g``, it leads here."""

    @property
    def url(self) -> str:
        """Where the page is."""
        return reverse(self.name)

    def is_at(self, view_name: str) -> bool:
        """Whether the page of that name belongs here."""
        return view_name == self.name or any(view_name.startswith(part) for part in self.room)


class Group(NamedTuple):
    """Pages that stand together."""

    title: str | Promise
    pages: tuple[Page, ...]


GROUPS = (
    Group(
        "",
        (
            Page(
                "calls:dashboard",
                _("Dashboard"),
                "dashboard",
                (P.SEE_HISTORY, P.SEE_LIVE),
                ("calls:dashboard",),
                "d",
            ),
            Page("calls:live", _("Live calls"), "live", (P.SEE_LIVE,), ("calls:live",), "l"),
            Page(
                "calls:history",
                _("Calls"),
                "calls",
                (P.SEE_HISTORY,),
                ("calls:history", "calls:detail", "calls:export"),
                "c",
            ),
            Page(
                "calls:dialouts",
                _("Outbound calls"),
                "dialout",
                (P.SEE_HISTORY,),
                ("calls:dialout",),
                "o",
            ),
            Page(
                "calls:testcalls",
                _("Test call"),
                "phone",
                (P.PLACE_TEST_CALLS,),
                ("calls:testcall",),
                "t",
            ),
        ),
    ),
    Group(
        _("Configuration"),
        (
            Page("bots:list", _("Bots"), "bot", (P.READ_CONFIGURATION,), ("bots:",), "b"),
            Page(
                "providers:list",
                _("Providers"),
                "provider",
                (P.READ_CONFIGURATION,),
                ("providers:",),
                "p",
            ),
            Page(
                "routes:list",
                _("Numbers and routes"),
                "route",
                (P.READ_CONFIGURATION,),
                ("routes:",),
                "r",
            ),
        ),
    ),
    Group(
        _("Operation"),
        (
            Page("alarms:active", _("Alarms"), "alarm", (P.SEE_ALARMS,), ("alarms:",), "m"),
            Page(
                "calls:system",
                _("System"),
                "system",
                (P.ADMINISTER,),
                ("calls:system", "calls:drain"),
                "h",
            ),
        ),
    ),
    Group(
        _("Administration"),
        (
            Page(
                "clients:list",
                _("API clients"),
                "client",
                (P.MANAGE_CLIENTS,),
                ("clients:",),
                "i",
            ),
            Page("people:list", _("People"), "people", (P.MANAGE_PEOPLE,), ("people:",), "u"),
            Page(
                "deliveries:list",
                _("Deliveries"),
                "deliver",
                (P.SEE_HISTORY,),
                ("deliveries:",),
                "s",
            ),
            Page("audit:list", _("Audit log"), "audit", (P.READ_AUDIT,), ("audit:",), "a"),
        ),
    ),
)


def groups_for(who: Person) -> list[Group]:
    """The groups of pages that ``who`` may open."""
    groups = [Group(group.title, pages_of(group, who)) for group in GROUPS]
    return [group for group in groups if group.pages]


def pages_of(group: Group, who: Person) -> tuple[Page, ...]:
    """The pages of ``group`` that ``who`` may open."""
    return tuple(page for page in group.pages if any(map(who.may, page.permissions)))


def address(name: str, *args: object) -> str:
    """The address of a page, or nothing when this installation has no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
