"""Parameters as rows of a form, and what somebody left in them.

Only what is overridden is sent: a control that shows an inherited value is disabled. ``p.<wire
name>`` holds the value, ``s.<wire name>`` what is done with a secret (``keep``, ``set``, ``none``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext

from bots.core import catalogue
from bots.core.params import presentation
from bots.core.params.declare import Declared, Level
from bots.core.params.presentation import Control, Marks
from bots.core.params.resolve import MASK, Catalogue, Origin
from bots.core.params.sections import COMMON
from bots.models import ApiClient

VALUE, SECRET = "p.", "s."
CLIENTS = "dialoutClients"
"""The parameter whose values are ids of API clients: people pick clients by name."""
_JSON, _LINES, _PICKS = Control(kind="json"), Control(kind="lines"), Control(kind="picks")

Places = Sequence[tuple[Origin, Any]]
"""Where a value is set and what it is there, the weakest first."""
Inherited = Callable[[str], Places]
"""The places of a parameter below the object that is edited; at least the default."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the control of one overridden parameter.

    ``stored``: a secret that is set; ``choice`` is what is done with it. ``names`` are words for
    values that say nothing to people.
    """

    control: Control
    text: str = ""
    picked: tuple[str, ...] = ()
    names: Mapping[str, str] = {}
    stored: bool = False
    choice: str = "set"

    @property
    def options(self) -> list[tuple[str, str]]:
        """What can be picked, with words for it."""
        return [(each, self.names.get(each, each)) for each in self.control.choices]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One place that sets a value, in words; ``kind`` is the name of its level."""

    kind: str
    words: str
    value: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter in a form; ``entry`` shows what is set, or what would be if it was overridden.

    ``below`` is what the control of an overridden one shows once it is reverted. ``places`` are
    those below, the strongest first: the first holds what is inherited.
    """

    name: str
    title: str
    help: str
    unit: str
    marks: Marks
    own: bool
    entry: Entry
    below: Entry | None
    places: tuple[Place, ...]
    problem: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A group of rows; ``unused`` ones belong to plug-ins that are not used here."""

    title: str
    about: str
    anchor: str
    rows: tuple[Row, ...]
    unused: bool = False

    @property
    def own(self) -> int:
        """How many of the rows are overridden."""
        return sum(row.own for row in self.rows)


# --- showing --------------------------------------------------------------------------------------


def entries(params: Mapping[str, Any]) -> dict[str, Entry]:
    """The stored own values ``params`` as they stand in their controls."""
    return {name: _entry(name, value) for name, value in params.items()}


def sections(
    used: Catalogue,
    own: Mapping[str, Entry],
    inherited: Inherited,
    problems: Mapping[str, str] | None = None,
    level: Level = Level.BOT,
) -> list[Section]:
    """Every parameter of ``used`` that may be set at ``level`` as rows, plug-ins first.

    What is set beyond them comes last.
    """
    wrong = problems or {}
    clients = _clients() if CLIENTS in used else {}
    found = []
    own_sections = [section for section in reversed(used.sections) if section not in COMMON]
    for section in (*own_sections, *(each for each in used.sections if each in COMMON)):
        rows = tuple(
            _row(used[name], own.get(name), inherited(name), wrong)
            for name in used.names(section)
            if name in own or used[name].param.settable_at(level)
        )
        rows = tuple(_with_clients(row, clients) if row.name == CLIENTS else row for row in rows)
        if rows:
            found.append(
                Section(
                    title=section.SECTION,
                    about=presentation.about(section),
                    anchor=section.__name__.lower(),
                    rows=rows,
                )
            )
    if unused := [name for name in own if name not in used]:
        found.append(_unused(unused, own, wrong))
    return found


def _unused(names: Iterable[str], own: Mapping[str, Entry], problems: Mapping[str, str]) -> Section:
    known = catalogue.everything()
    rows = []
    for name in names:
        if name in known:
            rows.append(_row(known[name], own[name], (), problems))
        else:
            nothing = Marks(live=False, by_bot=False, needs="", acting=True)
            rows.append(
                Row(
                    name=name,
                    title=name,
                    help=gettext("No plug-in that is loaded knows this parameter."),
                    unit="",
                    marks=nothing,
                    own=True,
                    entry=own[name],
                    below=None,
                    places=(),
                    problem=problems.get(name, ""),
                )
            )
    return Section(
        title=gettext("Without effect here"),
        about=gettext("Set for providers that are not used now; kept until you revert them."),
        anchor="unused",
        rows=tuple(rows),
        unused=True,
    )


def _row(
    parameter: Declared, entry: Entry | None, places: Places, problems: Mapping[str, str]
) -> Row:
    name, unit = parameter.wire_name, parameter.param.unit
    return Row(
        name=name,
        title=presentation.title(name, unit),
        help=parameter.param.help,
        unit=unit,
        marks=presentation.marks(parameter),
        own=entry is not None,
        entry=entry or _offered(name, places[-1][1]),
        below=_offered(name, places[-1][1]) if entry and places else None,
        places=tuple(_place(origin, value) for origin, value in reversed(places)),
        problem=problems.get(name, ""),
    )


def _clients() -> dict[str, str]:
    """Every API client by its id, in order of their names."""
    rows = ApiClient.objects.order_by("name", "pk").values_list("client_id", "name")
    return dict(rows)


def _with_clients(row: Row, clients: Mapping[str, str]) -> Row:
    """``row`` with all clients to pick from; one that was deleted is shown as long as it is set."""

    def named(entry: Entry) -> Entry:
        if entry.control.kind != "picks":
            return entry
        gone = [each for each in dict.fromkeys(entry.picked) if each not in clients]
        deleted = {each: gettext("deleted client %(id)s") % {"id": each} for each in gone}
        control = msgspec.structs.replace(entry.control, choices=(*clients, *gone))
        return msgspec.structs.replace(entry, control=control, names={**clients, **deleted})

    below = named(row.below) if row.below else None
    return msgspec.structs.replace(row, entry=named(row.entry), below=below)


def _entry(name: str, value: Any) -> Entry:
    shown = _control(name)
    if name == CLIENTS and presentation.fitting(_LINES, value) == _LINES:
        return Entry(control=shown, picked=tuple(value))
    shown = presentation.fitting(shown, value)
    if shown.kind == "secret":
        return Entry(control=shown, stored=bool(value), choice="keep" if value else "none")
    if shown.kind == "picks":
        return Entry(control=shown, picked=tuple(value))
    return Entry(control=shown, text=presentation.written(shown, value))


def _offered(name: str, value: Any) -> Entry:
    """What an override begins with: the inherited ``value``, but a secret is typed anew."""
    found = _entry(name, value)
    secret = found.control.kind == "secret"
    return Entry(control=found.control) if secret else found


def _control(name: str) -> Control:
    if name == CLIENTS:
        return _PICKS
    known = catalogue.everything()
    return presentation.control(known[name]) if name in known else _JSON


def _place(origin: Origin, value: Any) -> Place:
    return Place(
        kind=origin.level.name.lower(), words=origin_words(origin), value=presentation.short(value)
    )


def origin_words(origin: Origin) -> str:
    """Where a value is set, in words: ``provider azure-1``, ``base retail-de``."""
    name = origin.name.rpartition(" ")[2]
    match origin.level:
        case Level.DEFAULT if origin.name == name:
            return gettext("default")
        case Level.DEFAULT:
            return gettext("default of %(name)s") % {"name": name}
        case Level.PROVIDER:
            return gettext("provider %(name)s") % {"name": name}
        case Level.BASE_BOT:
            return gettext("base %(name)s") % {"name": name}
        case _:
            return gettext("bot %(name)s") % {"name": name}


# --- reading --------------------------------------------------------------------------------------


def posted(post: QueryDict, held: Mapping[str, Any]) -> dict[str, Entry]:
    """What somebody left in the controls, to be shown again; secrets that were typed are not."""
    found = {}
    for name in _names(post):
        before = _entry(name, held[name]) if name in held else Entry(control=_control(name))
        texts = post.getlist(VALUE + name)
        if before.control.kind == "secret":
            found[name] = msgspec.structs.replace(before, choice=post.get(SECRET + name, "set"))
        else:
            found[name] = msgspec.structs.replace(
                before, text=_plain(texts), picked=tuple(text for text in texts if text)
            )
    return found


def read(post: QueryDict, held: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The own values that were sent, and what is no value at all by wire name.

    What was not touched is kept exactly as it is in ``held``; a secret that is kept is its mask.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name in _names(post):
        try:
            values[name] = _value(name, post, held)
        except ValueError as error:
            problems[name] = str(error)
    return values, problems


def _names(post: QueryDict) -> list[str]:
    sent = [key[2:] for key in post if key.startswith((VALUE, SECRET))]
    return list(dict.fromkeys(sent))


def _value(name: str, post: QueryDict, held: Mapping[str, Any]) -> Any:
    texts = post.getlist(VALUE + name)
    before = _entry(name, held[name]) if name in held else None
    shown = before.control if before else _control(name)
    if shown.kind == "secret":
        return _secret(post.get(SECRET + name, "set"), texts)
    if before is not None and _untouched(before, texts):
        return held[name]
    return presentation.read(shown, texts)


def _secret(choice: str, texts: Sequence[str]) -> str:
    if choice == "keep":
        return MASK
    if choice == "none":
        return ""
    if not texts or not texts[-1]:
        raise ValueError(gettext("is empty; type the secret, or choose that there is none"))
    if texts[-1] == MASK:
        raise ValueError(gettext("is only the mask of a secret; type the secret itself"))
    return texts[-1]


def _untouched(before: Entry, texts: Sequence[str]) -> bool:
    if before.control.kind == "picks":
        return tuple(text for text in texts if text) == before.picked
    return _plain(texts) == _plain([before.text])


def _plain(texts: Sequence[str]) -> str:
    """The last text as a browser sends it back, whatever its line ends."""
    return texts[-1].replace("\r\n", "\n").replace("\r", "\n") if texts else ""
