"""Which handlers there are, and the modules of the operator that they come from."""

import importlib
import sys
from collections.abc import Awaitable, Callable, Iterable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import structlog

from calls.hooks.happenings import EventName

if TYPE_CHECKING:
    from calls.hooks.session import Session

Handler = Callable[["Session", Any], Awaitable[None]]
Answerer = Callable[..., Awaitable[Any]]

log = structlog.get_logger(__name__)


class Registered(msgspec.Struct):
    """What one process has loaded; ``broken`` has the reason by the name of the module."""

    handlers: dict[str, list[Handler]] = {}
    functions: dict[str, Answerer] = {}
    broken: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.handlers or self.functions)

    def wants(self, name: EventName) -> bool:
        """Whether somebody is to be told of ``name``."""
        return bool(self.handlers.get(name))


registered = Registered()


def on(name: EventName) -> Callable[[Handler], Handler]:
    """Have the decorated ``async def handler(session, event)`` told of every ``name``.

    Raises:
        ValueError: there is no such event.
        TypeError: the handler is not an ``async def``.
    """
    if name not in get_args(EventName):
        raise ValueError(f"there is no event {name!r}; there are {', '.join(get_args(EventName))}")

    def enter(handler: Handler) -> Handler:
        _asynchronous(handler)
        registered.handlers.setdefault(name, []).append(handler)
        return handler

    return enter


def function(name: str) -> Callable[[Answerer], Answerer]:
    """Have ``async def answerer(session, **arguments)`` answer what a voice agent calls ``name``.

    What it returns goes to the agent: text as it is, anything else as JSON.

    Raises:
        ValueError: somebody answers this function already.
        TypeError: the answerer is not an ``async def``.
    """
    if name in registered.functions:
        raise ValueError(f"two hooks answer the function {name!r}")

    def enter(answerer: Answerer) -> Answerer:
        _asynchronous(answerer)
        registered.functions[name] = answerer
        return answerer

    return enter


def load(modules: Iterable[str], directory: Path | None) -> None:
    """Import the operator's ``modules``, which may lie in ``directory``.

    One that fails stays in ``registered.broken`` with the reason, without the handlers that it had
    registered by then, and stops nobody.
    """
    if directory is not None and str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    for name in modules:
        before = {event: list(known) for event, known in registered.handlers.items()}
        answered = dict(registered.functions)
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody else's code; must be visible
            registered.handlers, registered.functions = before, answered
            registered.broken[name] = f"{type(error).__name__}: {error}"
            log.error("hooks.broken", module=name, reason=registered.broken[name])


def _asynchronous(handler: Callable[..., Any]) -> None:
    if not iscoroutinefunction(handler):
        name = getattr(handler, "__qualname__", repr(handler))
        raise TypeError(f"{name} must be an async def")
