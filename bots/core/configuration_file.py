"""The configuration as a file that people keep, compare and bring from one gateway to another.

One YAML document holds providers, bots and routes, each with what differs from the defaults, in an
order of its own. Secrets are never in it, only their names: what a gateway has under such a name
stays as it is, and where there is nothing it must be set by hand. Access tokens are not in it
either.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bots.core import yaml_text
from bots.core.params.problems import sentence
from bots.core.yaml_text import Content, MalformedText, Problem

VERSION: Final = 1
MAX_PROBLEMS = 100
"""Told of one file; who gets so many has sent something else."""
MAX_OBJECTS = 1_000
"""Bots, providers and routes each: all of them are checked within one request."""

_HEADER = """\
# Configuration of a Voice AI Gateway. Secrets are not part of it: where only the name of one is
# given, set it by hand after an import, unless the gateway has it already.
"""
_NOTE = "    # Only the names: set them by hand where this is imported for the first time.\n"
_NAMES_ONLY = re.compile(r"^    (secrets|credentials):\n", re.MULTILINE)
_ELSEWHERE = {"ac-bot-api": "ac-api"}
"""Plug-ins by the names that they have in files of other gateways."""
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")


def _slug(value: str) -> str:
    if not _SLUG.fullmatch(value):
        raise ValueError("must be lower-case letters, digits, - and _, first a letter or digit")
    return value


Name = Annotated[str, Field(max_length=100), AfterValidator(_slug)]
Names = tuple[str, ...]


class _Part(BaseModel):
    """A part of the document; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def written(self) -> dict[str, Any]:
        """The part as it is written: without what has its default; values in order of name."""
        return self.model_dump(mode="json", exclude_defaults=True)


class _Owner(_Part):
    """Something with parameters; ``secrets`` are those among them that are secret and set."""

    params: dict[str, Any] = {}
    secrets: Annotated[Names, Field(strict=False)] = ()

    @model_validator(mode="after")
    def _secrets_have_no_value(self) -> "_Owner":
        if both := sorted(self.params.keys() & set(self.secrets)):
            raise ValueError(f"has both a value and only the name of {', '.join(both)}")
        return self


class ProviderPart(_Owner):
    """A provider; ``credentials`` are the names of those that are set."""

    kind: Literal["bot", "stt", "tts", "vad", "carrier"]
    plugin: Annotated[
        str,
        Field(min_length=1, max_length=64),
        AfterValidator(lambda name: _ELSEWHERE.get(name, name)),
    ]
    credentials: Annotated[Names, Field(strict=False)] = ()


class BotPart(_Owner):
    """A bot or base bot; base bot and providers by name, absent ones are inherited."""

    display_name: Annotated[str, Field(max_length=200)] = ""
    is_base: bool = False
    enabled: bool = True
    base: Name | None = None
    provider: Name | None = None
    stt_provider: Name | None = None
    tts_provider: Name | None = None
    vad_provider: Name | None = None
    carrier_provider: Name | None = None
    access_mode: Literal["none", "token", "oauth"] = "none"


class RoutePart(_Part):
    """Which bot takes calls under which conditions; the conditions identify the route."""

    pattern: Annotated[str, Field(max_length=64)] = "*"
    host: Annotated[str, Field(max_length=253)] = ""
    header_name: Annotated[str, Field(max_length=100)] = ""
    header_value: Annotated[str, Field(max_length=200)] = ""
    bot: Name
    priority: Annotated[int, Field(ge=0, le=2_147_483_647)] = 100
    enabled: bool = True
    note: Annotated[str, Field(max_length=200)] = ""

    @property
    def conditions(self) -> tuple[str, str, str, str]:
        """What no two routes share."""
        return (self.pattern, self.host, self.header_name, self.header_value)


def _no_two_alike(routes: tuple[RoutePart, ...]) -> tuple[RoutePart, ...]:
    if len({route.conditions for route in routes}) < len(routes):
        raise ValueError("two routes have the same conditions")
    return routes


class Document(_Part):
    """A whole configuration, or the part of one that some bots need."""

    version: Literal[1]
    providers: dict[Name, ProviderPart] = Field({}, max_length=MAX_OBJECTS)
    bots: dict[Name, BotPart] = Field({}, max_length=MAX_OBJECTS)
    routes: Annotated[
        tuple[RoutePart, ...],
        Field(strict=False, max_length=MAX_OBJECTS),
        AfterValidator(_no_two_alike),
    ] = ()


class MalformedDocument(ValueError):
    """The text is no configuration; ``problems`` says where and why, from the top."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("; ".join(f"{each.path}: {each.text}" for each in self.problems))


def parse(text: str) -> tuple[Document, Content]:
    """The configuration in ``text``, and what tells the line of each of its parts.

    Raises:
        MalformedDocument: no YAML, or something in it that is no part of a configuration.
    """
    try:
        content = yaml_text.read(text)
        return Document.model_validate(content.value), content
    except MalformedText as error:
        raise MalformedDocument([error.problem]) from None
    except ValidationError as error:
        found = []
        for item in error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]:
            path = tuple(str(step) for step in item["loc"] if step != "[key]")
            found.append(Problem(".".join(path), content.line(path), sentence(item)))
        raise MalformedDocument(found) from None


def render(document: Document) -> str:
    """``document`` as YAML: always the same text for the same configuration."""
    parts = [_HEADER, f"version: {VERSION}\n"]
    providers = sorted(document.providers.items(), key=lambda item: (item[1].kind, item[0]))
    bots = sorted(document.bots.items(), key=lambda item: (not item[1].is_base, item[0]))
    for title, entries in (("providers", providers), ("bots", bots)):
        if entries:
            parts.append(f"\n{title}:\n")
            parts += [_indented(_entry(name, part)) for name, part in entries]
    if document.routes:
        routes = sorted(document.routes, key=lambda route: (route.priority, route.conditions))
        listed = yaml_text.write([route.written() for route in routes])
        parts.append(f"\nroutes:\n{_indented(listed)}")
    return "".join(parts)


def _entry(name: str, part: ProviderPart | BotPart) -> str:
    """One provider or bot; names of secrets at the end, where a note can stand before them."""
    written = part.written()
    params = _ordered(written.pop("params", {}))
    last = {key: sorted(written.pop(key)) for key in ("secrets", "credentials") if key in written}
    if params:
        written["params"] = params
    return yaml_text.write({name: written | last})


def _indented(text: str) -> str:
    """``text`` two columns to the right, with the note before names of secrets."""
    lines = (f"  {line}" if line.strip() else line for line in text.split("\n"))
    return _NAMES_ONLY.sub(lambda found: _NOTE + found[0], "\n".join(lines))


def _ordered(value: Any) -> Any:
    """``value`` with the names of every object in order; databases keep none."""
    match value:
        case dict():
            return {name: _ordered(value[name]) for name in sorted(value)}
        case list():
            return [_ordered(each) for each in value]
        case _:
            return value


def chosen(document: Document, names: Iterable[str]) -> Document:
    """The bots called ``names`` with all they need: base bots, providers; and their routes."""
    wanted = set(names)
    waiting = list(wanted)
    while waiting:
        part = document.bots.get(waiting.pop())
        if part is not None and part.base is not None and part.base not in wanted:
            wanted.add(part.base)
            waiting.append(part.base)
    bots = {name: part for name, part in document.bots.items() if name in wanted}
    used = {
        name
        for part in bots.values()
        for name in (
            part.provider,
            part.stt_provider,
            part.tts_provider,
            part.vad_provider,
            part.carrier_provider,
        )
    }
    return document.model_copy(
        update={
            "bots": bots,
            "providers": _only(document.providers, used.__contains__),
            "routes": tuple(route for route in document.routes if route.bot in bots),
        }
    )


def _only(parts: dict[str, ProviderPart], wanted: Callable[[str], bool]) -> dict[str, ProviderPart]:
    return {name: part for name, part in parts.items() if wanted(name)}
