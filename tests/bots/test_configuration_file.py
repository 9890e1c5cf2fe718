"""The configuration as YAML (bots.core.configuration_file)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.configuration_file import (
    BotPart,
    Document,
    MalformedDocument,
    ProviderPart,
    RoutePart,
    chosen,
    parse,
    render,
)
from tests.bots.test_yaml_text import JSON, NAMES

pytestmark = pytest.mark.pure

SMALL = Document(
    version=1,
    providers={
        "voices": ProviderPart(kind="tts", plugin="mouth"),
        "ear": ProviderPart(
            kind="stt", plugin="ear", params={"b": {"z": 1, "a": [2, {"y": 0, "x": 0}]}},
            credentials=("key", "account"),
        ),
    },
    bots={
        "demo": BotPart(base="retail", params={"text": "one\ntwo\n"}, secrets=("pin",)),
        "retail": BotPart(is_base=True, stt_provider="ear"),
    },
    routes=(
        RoutePart(bot="demo", pattern="+1555*", host="eu", priority=20),
        RoutePart(bot="demo", pattern="911", note="no", priority=10),
    ),
)  # fmt: skip

WRITTEN = """\
# Configuration of a Voice AI Gateway. Secrets are not part of it: where only the name of one is
# given, set it by hand after an import, unless the gateway has it already.
version: 1

providers:
  ear:
    kind: stt
    plugin: ear
    params:
      b:
        a:
        - 2
        - x: 0
          y: 0
        z: 1
    # Only the names: set them by hand where this is imported for the first time.
    credentials:
    - account
    - key
  voices:
    kind: tts
    plugin: mouth

bots:
  retail:
    is_base: true
    stt_provider: ear
  demo:
    base: retail
    params:
      text: |
        one
        two
    # Only the names: set them by hand where this is imported for the first time.
    secrets:
    - pin

routes:
  - pattern: '911'
    bot: demo
    priority: 10
    note: 'no'
  - pattern: +1555*
    host: eu
    bot: demo
    priority: 20
"""


def problems(text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(MalformedDocument) as refused:
        parse(text)
    return [(each.path, each.line, each.text) for each in refused.value.problems]


def test_a_configuration_is_written_in_one_way_only() -> None:
    assert render(SMALL) == WRITTEN
    shuffled = SMALL.model_copy(
        update={
            "bots": dict(reversed(SMALL.bots.items())),
            "providers": dict(reversed(SMALL.providers.items())),
            "routes": SMALL.routes[::-1],
        }
    )
    assert render(shuffled) == WRITTEN


def test_what_was_written_is_read_back() -> None:
    document, content = parse(WRITTEN)
    assert render(document) == WRITTEN
    assert document.bots == SMALL.bots
    assert content.line(("bots", "demo", "params", "text")) == 31


def test_nothing_configured_is_a_configuration() -> None:
    assert parse(render(Document(version=1)))[0] == Document(version=1)


@given(st.dictionaries(NAMES, JSON, max_size=4), NAMES.filter(lambda text: len(text) < 200))
def test_whatever_is_configured_comes_back(params: dict[str, Any], text: str) -> None:
    secrets = tuple({"pin"} - params.keys())
    document = Document(
        version=1,
        providers={"p": ProviderPart(kind="bot", plugin="x", params=params, credentials=("k",))},
        bots={"b": BotPart(display_name=text, params=params, secrets=secrets)},
        routes=(RoutePart(bot="b", note=text),),
    )
    assert parse(render(document))[0] == document


def test_every_problem_is_told_with_its_line() -> None:
    text = (
        "version: 1\n"
        "bots:\n"
        "  Demo: {}\n"
        "  demo:\n"
        "    base: 3\n"
        "    colour: red\n"
        "    enabled: yes\n"
        "    access_mode: door\n"
        "  other:\n"
        "    params: {pin: 1, pan: 2}\n"
        "    secrets: [pin, pan]\n"
        "providers:\n"
        "  p: {kind: brain, plugin: ''}\n"
        "routes:\n"
        "- pattern: 123\n"
        "  priority: -1\n"
        "extra: 1\n"
    )
    assert problems(text) == [
        (
            "bots.Demo",
            3,
            "must be lower-case letters, digits, - and _, first a letter or digit",
        ),
        ("bots.demo.base", 5, "must be text"),
        ("bots.demo.colour", 6, "is not known here"),
        ("bots.demo.enabled", 7, "must be true or false"),
        ("bots.demo.access_mode", 8, "must be 'none', 'token' or 'oauth'"),
        ("bots.other", 9, "has both a value and only the name of pan, pin"),
        ("providers.p.kind", 13, "must be 'bot', 'stt', 'tts', 'vad' or 'carrier'"),
        ("providers.p.plugin", 13, "must not be empty"),
        ("routes.0.pattern", 15, "must be text"),
        ("routes.0.bot", 15, "is missing"),
        ("routes.0.priority", 16, "must be at least 0"),
        ("extra", 17, "is not known here"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("bots: {}", "version", "is missing"),
        ("version: 2", "version", "must be 1"),
        ("version: '1'", "version", "must be 1"),
        ("- a", "", "must be an object"),
        ("version: 1\nbots: []", "bots", "must be an object"),
        ("version: 1\nroutes: {}", "routes", "must be a list"),
        ("version: 1\nroutes: [{bot: a}, {bot: b}]", "routes", "two routes have the same"),
        ("version: 1\nbots: {a: {secrets: pin}}", "bots.a.secrets", "must be a list"),
        ("version: [", "", "is not YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(text: str, path: str, says: str) -> None:
    ((where, _, what),) = problems(text)
    assert where == path
    assert says in what


def test_chosen_bots_bring_their_bases_providers_and_routes() -> None:
    part = chosen(SMALL, ["demo"])
    assert (set(part.bots), set(part.providers)) == ({"demo", "retail"}, {"ear"})
    assert part.routes == SMALL.routes
    part = chosen(SMALL, ["retail", "nobody"])
    assert (set(part.bots), part.routes) == ({"retail"}, ())


def test_bots_in_a_circle_bring_each_other() -> None:
    circle = Document(
        version=1,
        bots={"a": BotPart(is_base=True, base="b"), "b": BotPart(is_base=True, base="a")},
    )
    assert set(chosen(circle, ["a"]).bots) == {"a", "b"}


def test_a_file_with_more_objects_than_a_request_can_check_is_refused() -> None:
    routes = "".join(f"  - {{pattern: '{number}', bot: demo}}\n" for number in range(1001))

    with pytest.raises(MalformedDocument) as refused:
        parse(f"version: 1\nroutes:\n{routes}")

    assert [(each.path, each.text) for each in refused.value.problems] == [
        ("routes", "must have at most 1000 entries")
    ]


def test_a_plug_in_may_be_named_as_other_gateways_name_it() -> None:
    found, _ = parse("version: 1\nproviders:\n  p:\n    kind: bot\n    plugin: ac-bot-api\n")
    assert found.providers["p"].plugin == "ac-api"
