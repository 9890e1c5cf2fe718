"""Which control a parameter has, what stands in it, and what is read from it."""

from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from bots.core import catalogue, registry
from bots.core.params import presentation
from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet, declared
from bots.core.params.presentation import Control
from bots.core.params.sections import COMMON

pytestmark = pytest.mark.pure


class Every(ParamSet):
    """One parameter of each kind (a book of samples)."""

    SECTION: ClassVar[str] = "Every kind"
    on: Annotated[bool, Param(help="h", live=True, levels=BOT_SETTABLE)] = Field(
        default=False, alias="isOn"
    )
    tone: Annotated[Literal["warm", "cool"], Param(help="h")] = Field("warm", alias="tone")
    some: Annotated[tuple[Literal["a", "b"], ...], Param(help="h")] = Field((), alias="some")
    wait: Annotated[int, Param(help="h", unit="ms")] = Field(5, ge=0, le=9, alias="waitMS")
    share: Annotated[float, Param(help="h", needs="isOn")] = Field(0.5, alias="share")
    name: Annotated[str, Param(help="h")] = Field("", max_length=20, alias="aName")
    free: Annotated[str, Param(help="h")] = Field("", alias="free")
    prompt: Annotated[str, Param(help="h")] = Field("", max_length=10_000, alias="prompt")
    words: Annotated[tuple[str, ...], Param(help="h")] = Field((), alias="words")
    thing: Annotated[dict[str, Any], Param(help="h", needs=Later.SIP)] = Field({}, alias="thing")
    pin: Annotated[SecretStr, Param(help="h", secret=True)] = Field(SecretStr(""), alias="pin")


PARAMETERS = {each.wire_name: each for each in declared(Every)}
CONTROLS = {name: presentation.control(each) for name, each in PARAMETERS.items()}


def test_every_kind_of_parameter_has_its_control() -> None:
    assert {name: control.kind for name, control in CONTROLS.items()} == {
        "isOn": "switch",
        "tone": "choice",
        "some": "picks",
        "waitMS": "number",
        "share": "number",
        "aName": "line",
        "free": "line",
        "prompt": "text",
        "words": "lines",
        "thing": "json",
        "pin": "secret",
    }
    assert CONTROLS["waitMS"] == Control(kind="number", least=0, most=9, whole=True, unit="ms")
    assert (CONTROLS["share"].whole, CONTROLS["share"].least) == (False, None)
    assert CONTROLS["tone"].choices == ("warm", "cool")
    assert CONTROLS["some"].choices == ("a", "b")
    assert CONTROLS["aName"].longest == 20


def test_every_declared_parameter_has_a_control_that_holds_its_default() -> None:
    for section in COMMON:
        defaults = section().model_dump(mode="json", by_alias=True)
        for parameter in declared(section):
            value = defaults[parameter.wire_name]
            control = presentation.control(parameter)
            assert presentation.fitting(control, value) == control, parameter.wire_name


@pytest.mark.parametrize(
    ("wire_name", "unit", "title"),
    [
        ("userNoInputTimeoutMS", "ms", "User no input timeout"),
        ("continuousASRTimeoutInMS", "ms", "Continuous ASR timeout"),
        ("sendDTMFAsText", "", "Send DTMF as text"),
        ("webrtcVadMarginDB", "dB", "WebRTC VAD margin"),
        ("azureEnableAudioLogging", "", "Azure enable audio logging"),
        ("botURL", "", "Bot URL"),
        ("acBotApiType", "", "AC bot API type"),
        ("oauthTokenUrl", "", "OAuth token URL"),
        ("deepgramEotTimeoutMS", "ms", "Deepgram EOT timeout"),
        ("ms", "ms", "MS"),
        ("language", "", "Language"),
        ("___", "", "___"),
    ],
)
def test_a_wire_name_in_words(wire_name: str, unit: str, title: str) -> None:
    assert presentation.title(wire_name, unit) == title


def test_what_a_section_is_for_and_what_a_parameter_needs() -> None:
    assert presentation.about(Every) == "One parameter of each kind."
    assert presentation.about(registry.NoParams) == "The parameters of a plug-in that has none."
    acts = presentation.marks(PARAMETERS["isOn"])
    assert (acts.live, acts.by_bot, acts.needs, acts.acting) == (True, True, "", True)
    needs = presentation.marks(PARAMETERS["share"])
    assert (needs.live, needs.by_bot, needs.needs, needs.acting) == (False, False, "isOn", True)
    later = presentation.marks(PARAMETERS["thing"])
    assert (later.needs, later.acting) == ("a SIP voice channel", False)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("isOn", True, "switch"),
        ("isOn", 1, "json"),
        ("waitMS", 7, "number"),
        ("waitMS", True, "json"),
        ("waitMS", "7", "json"),
        ("tone", "warm", "choice"),
        ("tone", "hot", "json"),
        ("some", ["a"], "picks"),
        ("some", ["c"], "json"),
        ("aName", "x", "line"),
        ("aName", "x\ny", "text"),
        ("aName", None, "json"),
        ("words", ["one", "two"], "lines"),
        ("words", ["one\ntwo"], "json"),
        ("words", [" one"], "json"),
        ("words", [""], "json"),
        ("words", [1], "json"),
        ("pin", {"$secret": "x"}, "secret"),
        ("thing", 5, "json"),
    ],
)
def test_a_value_that_a_control_cannot_hold_is_shown_as_json(
    name: str, value: Any, kind: str
) -> None:
    assert presentation.fitting(CONTROLS[name], value).kind == kind


def json_values() -> st.SearchStrategy[Any]:
    text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"))
    single = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | text
    return st.recursive(
        single | st.floats(-1e9, 1e9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=6,
    )


@given(value=json_values())
@example(value=True)
@example(value={"a": [1]})
@example(value=["one", "two"])
@example(value="warm")
def test_what_is_written_reads_back_as_it_was(value: Any) -> None:
    for name in ("isOn", "tone", "aName", "prompt", "words", "thing"):
        control = presentation.fitting(CONTROLS[name], value)
        if control.kind == "lines" and value and value[0].startswith("["):
            continue
        assert presentation.read(control, [presentation.written(control, value)]) == value


def test_a_secret_is_never_written() -> None:
    assert presentation.written(CONTROLS["pin"], {"$secret": "x"}) == ""
    assert presentation.read(CONTROLS["pin"], ["1234"]) == "1234"


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("isOn", ["true"], True),
        ("isOn", ["false"], False),
        ("some", ["", "a", "b"], ["a", "b"]),
        ("some", [""], []),
        ("waitMS", [" 7 "], 7),
        ("waitMS", ["-1"], -1),
        ("share", ["0.25"], 0.25),
        ("share", [".5"], 0.5),
        ("share", ["1.5e3"], 1500.0),
        ("aName", [" kept "], " kept "),
        ("aName", [], ""),
        ("prompt", ["one\r\ntwo"], "one\ntwo"),
        ("words", ["one\r\n\r\n two "], ["one", "two"]),
        ("words", ['["a", " b"]'], ["a", " b"]),
        ("thing", ['{"a": [1]}'], {"a": [1]}),
        ("thing", ['{"a": 0, "b": 0}'], {"a": 0, "b": 0}),
    ],
)
def test_what_was_left_in_a_control_becomes_a_value(
    name: str, texts: list[str], value: Any
) -> None:
    assert presentation.read(CONTROLS[name], texts) == value


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("isOn", "yes", "must be on or off"),
        ("waitMS", "", "must be a whole number"),
        ("waitMS", "1_000", "must be a whole number"),
        ("waitMS", "٣", "must be a whole number"),
        ("waitMS", "9" * 400, "must be a whole number"),
        ("share", "half", "must be a number"),
        ("thing", "{", "is not JSON: Expecting property name .* at line 1, column 2"),
        ("thing", '{"a": 1, "a": 2}', "has the name a twice"),
        ("thing", "NaN", "is not JSON: NaN is no value"),
        ("thing", "1e999", "cannot be stored"),
        ("thing", r'"\u0000"', "cannot be stored"),
        ("thing", r'"\ud800"', "cannot be stored"),
        ("aName", "a\0b", "cannot be stored"),
        ("prompt", "\ud800", "cannot be stored"),
        ("thing", "[" * 101 + "]" * 101, "more than 100 levels"),
        ("thing", "[" * 200_000, "more than 100 levels"),
    ],
)
def test_what_is_no_value_is_refused_in_words(name: str, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        presentation.read(CONTROLS[name], [text])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ("", "empty"),
        ([], "empty list"),
        ({}, "empty"),
        (True, "on"),
        (False, "off"),
        (0, "0"),
        ("two\n lines", "two lines"),
        (["ä"], '["ä"]'),
        ("x" * 100, "x" * 79 + "…"),
    ],
)
def test_a_value_in_short(value: Any, text: str) -> None:
    assert presentation.short(value) == text


def test_titles_are_told_apart() -> None:
    known = catalogue.of([])
    titles = [presentation.title(each.wire_name, each.param.unit) for each in known]
    assert len(set(titles)) == len(titles)
