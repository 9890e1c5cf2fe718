r"""Placeholders: a text with ``${…}`` is the inside of a JavaScript template literal.

Source: product description 6.2.5; ECMAScript, "Template Literals". So a backslash begins an escape
(``\n``; ``\\`` is a backslash), a backtick is written ``\```, ``\${`` stands for itself, and
every line ending is a line feed. Nothing is percent-encoded unless an expression does it.

The expressions run in QuickJS (package quickjs-ng), each filling in a context of its own that has
the variables, ECMAScript's built-ins and nothing else. A filling blocks its thread for at most
`TIME_LIMIT_S` of processor time, but for one thing: QuickJS does not interrupt its own built-ins,
so that an expression which has one of them loop over billions of elements is not stopped;
`bots.workers.filling` runs it in a process that is. Only administrators write templates; the
variables, which come from anywhere, are never code.
"""

import json
import re
from collections.abc import Mapping

import quickjs

from bots.core.activities import Json
from bots.core.errors import PlaceholderError

MEMORY_LIMIT_BYTES = 16 * 1024 * 1024
TIME_LIMIT_S = 0.05
STACK_LIMIT_BYTES = 256 * 1024

_LONGEST_REASON = 200
_SPECIAL = re.compile(r"[`\\\r]")
_NAME = r"[A-Za-z_$][A-Za-z0-9_$]*"
_PATH = re.compile(rf"\$\{{ *({_NAME}(?:\.{_NAME})*) *\}}")
_EXACT = 2**53
"""Up to here JavaScript's numbers are exact for integers."""

# The data is parsed and frozen from the leaves to the root. NB JSON carries the result, because the
# package cuts a string at U+0000 and raises on half a surrogate pair.
_FILL = """
"use strict";
for (const [name, value] of Object.entries(JSON.parse(%s, (_, value) => Object.freeze(value))))
    Object.defineProperty(globalThis, name, {value});
JSON.stringify(`${new Function(%s)()}`);
"""


def fill(template: str, variables: Mapping[str, Json]) -> str:
    """``template`` with every placeholder replaced by the value of its expression.

    Raises:
        PlaceholderError: it does not compile, an expression throws or exceeds a limit, or the
            result is no well-formed Unicode.
    """
    filled = fill_paths(template, variables)
    if filled is None:
        filled = _fill_expressions(template, variables)
    try:
        filled.encode()
    except UnicodeEncodeError:
        raise PlaceholderError("the result holds half a surrogate pair") from None
    return filled


def check(template: str) -> None:
    """Refuse what `fill` can never fill, without running it.

    Raises:
        PlaceholderError: it does not compile.
    """
    if "${" in template or _SPECIAL.search(template):
        _run(f"new Function({_body(template)}); ''")


def fill_paths(template: str, variables: Mapping[str, Json]) -> str | None:
    """The template when all it needs are own members of objects that hold plain values.

    None: only JavaScript knows, such as inherited members or how a fraction is written.
    """
    literals = _PATH.split(template)
    if _SPECIAL.search(template) or any("${" in literal for literal in literals[::2]):
        return None
    for index in range(1, len(literals), 2):
        value: object = variables
        for name in literals[index].split("."):
            if not isinstance(value, Mapping) or name not in value:
                return None
            value = value[name]
        text = _plain(value)
        if text is None:
            return None
        literals[index] = text
    return "".join(literals)


def _plain(value: object) -> str | None:
    """``value`` as JavaScript writes it, where Python knows."""
    match value:
        case str():
            return value
        case None | bool():
            return json.dumps(value)
        case int() if -_EXACT <= value <= _EXACT:
            return str(value)
        case _:
            return None


def _fill_expressions(template: str, variables: Mapping[str, Json]) -> str:
    try:
        data = json.dumps(variables)
    except RecursionError:
        raise PlaceholderError("the variables are nested too deep") from None
    return str(json.loads(_run(_FILL % (json.dumps(data), _body(template)))))


def _body(template: str) -> str:
    """The function that evaluates ``template``, as a JavaScript string of ASCII only."""
    return json.dumps(f'"use strict"; return (`{template}`)')


def _run(source: str) -> str:
    context = quickjs.Context()
    context.set_memory_limit(MEMORY_LIMIT_BYTES)
    context.set_time_limit(TIME_LIMIT_S)
    context.set_max_stack_size(STACK_LIMIT_BYTES)
    try:
        return str(context.eval(source))
    except quickjs.JSException as error:
        reason = str(error).partition("\n")[0][:_LONGEST_REASON]
        # NB when there is no memory left for an error the engine throws null.
        vague = reason in ("", "null")
        raise PlaceholderError("the expression failed" if vague else reason) from None
