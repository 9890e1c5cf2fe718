"""The reference page of log lines, made from the code that writes them."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gateway_project import ecs

ROOMS = ("alarms", "bots", "calls", "gateway_project")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
_EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
_WRITES = re.compile(rf"(?:log|line)\s*\.\s*(?:{'|'.join(LEVELS)})\b")
"""Without it a file writes no line, and need not be parsed."""

HEAD = """\
# Log lines

Everything goes to standard error, one line each. `LOG_FORMAT=console` is for people, `json` for
[Elasticsearch](../how-to/read-logs-in-elk.md) and whatever else reads JSON; `LOG_LEVEL` is the
least severe level that is written.

## What is never in them

Secrets: values whose name says that they are one (`token`, `password`, `apiKey` ...) show at most
their last four characters, and bearer and basic credentials, tokens of this gateway, JSON web
tokens, passwords in addresses, secret query parameters and quoted pairs such as `"clientSecret":
"..."` are masked wherever they stand. So is a piece of a path of 20 characters or more that looks
random, such as the token in the address of a webhook; UUIDs stay, for they are ids. A secret that
looks like words, or is a UUID, cannot be told from the rest: put it into the field for secrets.

What is known of callers, unless `LOG_PII=1`: their words, digits and metadata are not logged at
all; phone numbers, the users in SIP addresses and in e-mail addresses are masked in every text
(hosts and domains stay, they say which side it was). Nine to fifteen digits in a row count as a
phone number. Ids of conversations, calls and requests keep their digits. Addresses of clients
(IP) are logged: without them an attack cannot be told from a fault.

Exceptions have their type, text and frames; never the values of variables.

## Fields of JSON lines

Names and types are those of the [Elastic Common
Schema](https://www.elastic.co/docs/reference/ecs) {version}; own ones are below `gateway.`. A
value that does not fit its field stands below `gateway.detail`, where everything is text to the
index, so no line is lost for its types.

Every line has `@timestamp`, `log.level`, `message`, `log.logger`, `ecs.version`, `event.dataset`
(`gateway.access`, `gateway.calls`, `gateway.bots`, `gateway.alarms`, `gateway.core`,
`gateway.libraries`), `service.*` (`service.environment` is `GATEWAY_NAME`), `host.hostname` and
`process.*`. Our own lines have `event.action`, the same as `message`. Lines of a call have
`gateway.call.id`, `gateway.conversation.id`, `gateway.bot.name`, `gateway.bot.revision`,
`gateway.channel` and `trace.id`, also those of connectors and speech services; lines of a request
`http.request.id`, which the header `X-Request-ID` of its answer has too (send one to choose it);
lines of a background task `gateway.task.*`.

| In the console | Field |
|---|---|
"""

EVENTS = """
## Events

| Event | Level | Written by | Keys of its own |
|---|---|---|---|
"""


class Written(NamedTuple):
    """One place that writes a line."""

    event: str
    level: str
    module: str
    keys: tuple[str, ...]


def page(root: Path) -> str:
    """The page in Markdown, of the code below ``root``."""
    told = sorted((name, field) for name, (field, _) in ecs.FIELDS.items())
    several = {
        "error": "error.type or error.message",
        "problem": "error.message",
        "detail": "error.message",
        "client": "client.ip, client.port",
        "address": "client.ip",
        "pii.*": "gateway.pii.*",
        "any other": "gateway.detail.*",
    }
    lines = [HEAD.format(version=ecs.SCHEMA_VERSION.rpartition(".")[0]).rstrip("\n")]
    lines += [f"| `{name}` | `{field}` |" for name, field in told]
    lines += [f"| `{name}` | `{field}` |" for name, field in several.items()]
    lines.append(EVENTS.rstrip("\n"))
    lines += _rows(root)
    return "\n".join([*lines, ""])


def _rows(root: Path) -> Iterator[str]:
    by_event: dict[str, list[Written]] = defaultdict(list)
    for each in written(root):
        by_event[each.event].append(each)
    for event, places in sorted(by_event.items()):
        levels = [level for level in LEVELS if any(place.level == level for place in places)]
        shown = ", ".join(
            "error, with traceback" if each == "exception" else each for each in levels
        )
        modules = ", ".join(f"`{name}`" for name in sorted({place.module for place in places}))
        keys = ", ".join(f"`{key}`" for key in sorted({k for each in places for k in each.keys}))
        yield f"| `{event}` | {shown} | {modules} | {keys} |"


def written(root: Path) -> Iterator[Written]:
    """Every place in the rooms below ``root`` that writes a line with a name of its own."""
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            code = file.read_text(encoding="utf-8")
            if _WRITES.search(code):
                module = ".".join(file.relative_to(root).with_suffix("").parts)
                yield from _of_code(code, module)


@cache
def _of_code(code: str, module: str) -> tuple[Written, ...]:
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    return tuple(found for call in calls for found in _of_call(call, module))


def _of_call(call: ast.Call, module: str) -> Iterator[Written]:
    first = call.args[0] if call.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return
    chosen = call.func
    ways = [chosen.body, chosen.orelse] if isinstance(chosen, ast.IfExp) else [chosen]
    for way in ways:
        if not (isinstance(way, ast.Attribute) and way.attr in LEVELS):
            continue
        if _EVENT.fullmatch(first.value) and ast.unparse(way.value).endswith(("log", "line")):
            yield Written(first.value, way.attr, module, tuple(_keys(call)))


def _keys(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg is not None and keyword.arg != "exc_info":
            yield keyword.arg
        elif isinstance(keyword.value, ast.Dict):
            for key in keyword.value.keys:
                if isinstance(key, ast.Constant):
                    yield str(key.value)
