"""Placeholders: JavaScript's results whichever way they come about, and nothing gets out."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.core.errors import PlaceholderError
from bots.core.params import placeholders
from bots.core.params.placeholders import check, fill

pytestmark = pytest.mark.pure

CALL: dict[str, Any] = {
    "botMessageMetadata": {
        "caller": "+15550100",
        "callerDisplayName": "Zoë 🎈",
        "count": 3,
        "ratio": 1.5,
        "known": True,
        "nothing": None,
        "tags": ["a", "b"],
        "dialoutMetadata": {"order": {"id": "A-7"}},
        "__proto__": {"own": "value"},
        "nul": "a\0b",
        "half": "\ud83c",
    }
}


def reason(template: str, variables: dict[str, Any] = CALL) -> str:
    with pytest.raises(PlaceholderError) as failed:
        fill(template, variables)
    return failed.value.reason


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("", ""),
        ("https://crm.example/$1 {x} $", "https://crm.example/$1 {x} $"),
        ("/call/${botMessageMetadata.caller}", "/call/+15550100"),
        ("$${ botMessageMetadata.dialoutMetadata.order.id }}", "$A-7}"),
        ("${botMessageMetadata.callerDisplayName}", "Zoë 🎈"),
        ("${botMessageMetadata.count}/${botMessageMetadata.known}", "3/true"),
        ("${botMessageMetadata.nothing}", "null"),
        ("${botMessageMetadata.nul}", "a\0b"),
        ("${botMessageMetadata.__proto__.own}", "value"),
    ],
)
def test_plain_paths_are_filled_as_they_are(template: str, filled: str) -> None:
    check(template)
    assert fill(template, CALL) == filled


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("${botMessageMetadata.absent}", "undefined"),
        ("${botMessageMetadata.absent?.deeper ?? 'none'}", "none"),
        ("${botMessageMetadata.ratio}", "1.5"),
        ("${botMessageMetadata.tags}", "a,b"),
        ("${botMessageMetadata.tags.length}", "2"),
        ("${botMessageMetadata.caller.length}", "9"),
        ("${botMessageMetadata.callerDisplayName.length}", "6"),
        ("${botMessageMetadata.dialoutMetadata}", "[object Object]"),
        ("${botMessageMetadata.dialoutMetadata.__proto__}", "[object Object]"),
        ("${encodeURIComponent(botMessageMetadata.callerDisplayName)}", "Zo%C3%AB%20%F0%9F%8E%88"),
        ("${botMessageMetadata.tags.find(tag => tag > 'a')}", "b"),
        ("${botMessageMetadata.known ? `<${botMessageMetadata.count}>` : ''}", "<3>"),
        ("${[1e21, 0.1 + 0.2, -0, 2 ** 53]}", "1e+21,0.30000000000000004,0,9007199254740992"),
        ("${botMessageMetadata.nul + '\\0'}", "a\0b\0"),
        (r"tab\tstop, \u00e4, \\, \`, \${botMessageMetadata.caller}", None),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
def test_everything_else_is_what_javascript_makes_of_it(template: str, filled: str | None) -> None:
    check(template)
    expected = "tab\tstop, ä, \\, `, ${botMessageMetadata.caller}" if filled is None else filled
    assert fill(template, CALL) == expected


@pytest.mark.parametrize(
    ("template", "failure"),
    [
        ("${botMessageMetadata.absent.deeper}", "TypeError: cannot read property 'deeper'"),
        ("${absent}", "ReferenceError: absent is not defined"),
        ("${botMessageMetadata.caller = 1}", "TypeError: 'caller' is read-only"),
        ("${botMessageMetadata.dialoutMetadata.order.id = 1}", "TypeError: 'id' is read-only"),
        ("${botMessageMetadata = 1}", "TypeError: 'botMessageMetadata' is read-only"),
        ("${undeclared = 1}", "ReferenceError: undeclared is not defined"),
        ("${Symbol()}", "TypeError: cannot convert symbol to string"),
        ("${(() => { throw '' })()}", "the expression failed"),
        ("${(() => { throw null })()}", "the expression failed"),
        ("${(() => { throw Error('\\ud800') })()}", "Error: "),
        ("${botMessageMetadata.half}", "the result holds half a surrogate pair"),
        ("${botMessageMetadata.half.trim()}", "the result holds half a surrogate pair"),
    ],
)
def test_a_failing_expression_is_told_in_javascripts_words(template: str, failure: str) -> None:
    check(template)
    assert reason(template).startswith(failure)


@pytest.mark.parametrize("template", ["${", "${}", "${a b}", "`", r"\u{}", "${'}", "${return 1}"])
def test_what_does_not_compile_is_refused_before_any_call(template: str) -> None:
    with pytest.raises(PlaceholderError, match="SyntaxError"):
        check(template)
    assert reason(template).startswith("SyntaxError")


def test_a_long_reason_is_cut() -> None:
    assert len(reason("${(() => { throw 'x'.repeat(5000) })()}")) == 200


def test_a_check_evaluates_nothing() -> None:
    check("${(() => { while (true); })()}")
    check("${absent.deeper}")


@pytest.mark.parametrize(
    ("expression", "failure"),
    [
        ("(() => { while (true); })()", "InternalError: interrupted"),
        ("(() => { for (;;) try { while (true); } catch {} })()", "InternalError: interrupted"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "InternalError: interrupted"),
        ("(async () => { while (true); })()", "InternalError: interrupted"),
        ("'x'.repeat(2 ** 28)", "InternalError: out of memory"),
        ("(function f() { return f() + 1 })()", "RangeError: Maximum call stack size exceeded"),
        ("JSON.parse('['.repeat(1e5))", "RangeError: Maximum call stack size exceeded"),
        ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", "TypeError: "),
    ],
)
def test_the_limits_hold(expression: str, failure: str) -> None:
    assert reason(f"${{{expression}}}").startswith(failure)


def test_the_time_limit_is_far_below_a_second() -> None:
    busy = "(() => { const begun = Date.now(); while (Date.now() < begun + 1000); })()"
    assert reason(f"${{{busy}}}") == "InternalError: interrupted"


def test_an_expression_that_hoards_meets_one_limit_or_the_other() -> None:
    met = {"the expression failed", "InternalError: out of memory", "InternalError: interrupted"}
    assert reason("${(() => { const a = []; for (;;) a.push({}); })()}") in met


UNREACHABLE = """
    require process std os console fetch setTimeout print module scriptArgs
    XMLHttpRequest WebSocket Worker Deno window self global
"""


@pytest.mark.parametrize("name", UNREACHABLE.split())
def test_nothing_but_the_language_itself_is_reachable(name: str) -> None:
    through = "botMessageMetadata.constructor.constructor('return globalThis')()"
    assert fill(f"${{typeof {name}}} ${{typeof {through}.{name}}}", CALL) == "undefined undefined"


def test_a_module_is_never_loaded() -> None:
    loaded = "import('os').then(() => { throw 1 }, () => { throw 2 })"
    assert fill(f"${{{loaded}}}", CALL) == "[object Promise]"


def test_what_one_template_does_to_the_built_ins_is_gone_in_the_next() -> None:
    spoilt = "Object.prototype.absent = String.prototype.trim = globalThis.left = () => 'spoilt'"
    assert "spoilt" in fill(f"${{{spoilt}}}${{botMessageMetadata.absent()}}", CALL)
    left = "${botMessageMetadata.absent}, ${' x '.trim()}, ${typeof left}"
    assert fill(left, CALL) == "undefined, x, undefined"


def test_a_template_cannot_forge_how_its_result_is_carried() -> None:
    forged = "${JSON.stringify = () => '1'}|${String.prototype.toJSON = () => 2}|${JSON = null}"
    assert fill(forged, CALL) == "() => '1'|() => 2|null"


def test_data_that_is_nested_too_deep_fails_the_filling() -> None:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"a": nested}
    assert reason("${deep.length}", {"deep": nested}) == "the variables are nested too deep"


NAMES = st.sampled_from(
    ["a", "b", "_", "$", "constructor", "__proto__", "toString", "length", "0x", "ä", "null", "if"]
)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, 2**53 + 1, -(2**53), -(2**53) - 1, 10**21])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner), max_leaves=6
)
LITERALS = st.text(st.sampled_from("ab $\\`{}\r\nnu0äé🎈\0\u2028"), max_size=4)
TEMPLATES = st.lists(
    LITERALS
    | st.lists(NAMES, min_size=1, max_size=3).map(lambda names: f"${{{'.'.join(names)}}}")
    | st.sampled_from(["${ a }", "${a .b}", "${a?.b}", "${}"]),
    max_size=4,
).map("".join)


def _outcome(template: str, variables: dict[str, Any]) -> tuple[str, str]:
    try:
        return "filled", placeholders._fill_expressions(template, variables)
    except PlaceholderError as error:
        return "failed", error.reason


@given(TEMPLATES, st.dictionaries(st.sampled_from(["a", "b", "_", "$"]), VALUES))
@example("${a.b}", {"a": {"b": 2**53 + 1}})
@example("${a.b}", {"a": {"b": -0.0}})
@example("a$\r${a}", {"a": "x"})
def test_python_alone_gives_the_very_text_that_the_engine_gives(
    template: str, variables: dict[str, Any]
) -> None:
    alone = placeholders.fill_paths(template, variables)
    if alone is not None:
        assert _outcome(template, variables) == ("filled", alone)


@given(st.text() | TEMPLATES)
def test_whatever_passes_the_check_never_fails_for_its_syntax(template: str) -> None:
    try:
        check(template)
    except PlaceholderError:
        return
    kind, text = _outcome(template, {"a": {}})
    assert kind == "filled" or not text.startswith("SyntaxError")
