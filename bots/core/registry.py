"""Plug-ins: what is registered, how it is found, and what could not be loaded.

A plug-in is one file in ``bots/connectors``, ``bots/speech``, ``alarms/notifiers`` or
``calls/carriers`` that registers a class::

    @registry.register("tts", "acme", "Acme", params=AcmeParams)
    class AcmeTts:
        def __init__(self, params: AcmeParams, credentials: NoParams) -> None: ...

`discover` imports every module of the given packages and then the entry points of the group
``voice_ai_gateway.plugins``. A module that fails to import is kept in `broken` with the reason; it
does not stop the others.
"""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
from pydantic import BaseModel

from bots.core.params.declare import ParamSet

Kind = Literal["bot", "stt", "tts", "vad", "carrier", "notifier"]
ENTRY_POINT_GROUP = "voice_ai_gateway.plugins"

T = TypeVar("T", bound=type)


class DuplicatePluginError(ValueError):
    """Two plug-ins of a kind share a name; a start with the wrong one of them must not happen."""


class NoParams(ParamSet):
    """The parameters of a plug-in that has none."""

    SECTION: ClassVar[str] = "none"


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A registered plug-in; ``factory(params, credentials)`` builds a configured instance.

    ``summary`` says in a sentence or two what it is good for and what it needs. ``defaults`` are
    values, by wire name, that other parameters have for bots of this plug-in unless somebody sets
    them. ``controls`` are the messages that direct its bots in a live call, by name, each with the
    model of its fields (`bots.core.ports.Controllable`).
    """

    kind: Kind
    name: str
    title: str
    summary: str = ""
    factory: Callable[[Any, Any], Any]
    params: type[ParamSet] = NoParams
    credentials: type[ParamSet] = NoParams
    defaults: Mapping[str, Any] = {}
    controls: Mapping[str, type[BaseModel]] = {}

    def __hash__(self) -> int:
        return hash((self.kind, self.name))  # NB mappings have none, and there is one of a name


_plugins: dict[tuple[Kind, str], Plugin] = {}
broken: dict[str, str] = {}
"""Module or entry point name to the reason why it could not be loaded."""


def register(
    kind: Kind,
    name: str,
    title: str,
    *,
    summary: str = "",
    params: type[ParamSet] = NoParams,
    credentials: type[ParamSet] = NoParams,
    defaults: Mapping[str, Any] | None = None,
    controls: Mapping[str, type[BaseModel]] | None = None,
) -> Callable[[T], T]:
    """Class decorator that makes the class a plug-in; see `Plugin`.

    Raises:
        DuplicatePluginError: another class already has this kind and name.
    """

    def enter(cls: T) -> T:
        known = _plugins.get((kind, name))
        if known is not None and (known.factory.__module__, known.factory.__qualname__) != (
            cls.__module__,
            cls.__qualname__,
        ):
            raise DuplicatePluginError(f"{kind} plug-in {name!r} is declared twice")
        _plugins[kind, name] = Plugin(
            kind=kind,
            name=name,
            title=title,
            summary=summary,
            factory=cls,
            params=params,
            credentials=credentials,
            defaults=defaults or {},
            controls=controls or {},
        )
        return cls

    return enter


def plugin(kind: Kind, name: str) -> Plugin:
    """The plug-in of that kind and name.

    Raises:
        LookupError: there is none; the message lists those there are.
    """
    found = _plugins.get((kind, name))
    if found is None:
        known = ", ".join(p.name for p in plugins(kind)) or "none"
        raise LookupError(f"no {kind} plug-in named {name!r}; known: {known}")
    return found


def plugins(kind: Kind | None = None) -> list[Plugin]:
    """All plug-ins, or those of one kind, by name."""
    found = (p for p in _plugins.values() if kind is None or p.kind == kind)
    return sorted(found, key=lambda p: (p.kind, p.name))


def discover(packages: Iterable[str]) -> None:
    """Import every module of ``packages`` and every entry point; safe to call twice.

    Raises:
        DuplicatePluginError: this stops start-up.
    """
    for package in packages:
        parent = importlib.import_module(package)
        for module in pkgutil.iter_modules(parent.__path__):
            name = f"{package}.{module.name}"
            _load(name, partial(importlib.import_module, name))
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        _load(entry_point.value, entry_point.load)


def _load(name: str, load: Callable[[], object]) -> None:
    try:
        load()
    except DuplicatePluginError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken plug-in must be visible, not fatal
        broken[name] = f"{type(error).__name__}: {error}"
    else:
        broken.pop(name, None)
