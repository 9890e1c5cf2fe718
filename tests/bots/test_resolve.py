"""Inheritance: precedence, origins, every problem at once, run-time overlays."""

from typing import Annotated, Any, ClassVar, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, model_validator

from bots.core.errors import ParameterError
from bots.core.params.declare import BOT_SETTABLE, Level, Param, ParamSet
from bots.core.params.resolve import (
    MASK,
    MAX_HINTED_CHARACTERS,
    MAX_HINTS,
    Catalogue,
    Layer,
    Origin,
    resolve,
)

pytestmark = pytest.mark.pure


class Inner(ParamSet):
    SECTION: ClassVar[str] = "Inner"
    depth: Annotated[int, Param(help="Depth.")] = Field(0, ge=0, alias="depth")


class Timers(ParamSet):
    SECTION: ClassVar[str] = "Timers"
    wait_ms: Annotated[int, Param(help="Wait.", unit="ms", levels=BOT_SETTABLE)] = Field(
        0, ge=0, le=600, alias="waitTimeoutMS"
    )
    limit_ms: Annotated[int, Param(help="Limit.", unit="ms")] = Field(500, alias="limitMS")

    @model_validator(mode="after")
    def _wait_below_limit(self) -> Self:
        if self.wait_ms > self.limit_ms:
            raise ValueError("waitTimeoutMS must not exceed limitMS")
        return self


class Words(ParamSet):
    SECTION: ClassVar[str] = "Words"
    phrases: Annotated[tuple[str, ...], Param(help="Phrases.", levels=BOT_SETTABLE)] = Field(
        ("yes",), alias="phrases"
    )
    voice: Annotated[str | None, Param(help="Voice.")] = Field("anna", alias="voice")
    key: Annotated[SecretStr, Param(help="Key.", secret=True)] = Field(SecretStr(""), alias="key")
    pin: Annotated[SecretStr, Param(help="Pin.", secret=True)] = Field(SecretStr(""), alias="pin")
    inner: Annotated[Inner, Param(help="Nested.")] = Field(Inner(), alias="inner")


CATALOGUE = Catalogue([Timers, Words])


def base(**values: Any) -> Layer:
    return Layer(Level.BASE_BOT, "base bot root", values)


def bot(**values: Any) -> Layer:
    return Layer(Level.BOT, "bot demo", values)


def problems_of(*layers: Layer) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        resolve(CATALOGUE, layers)
    return refused.value.problems


def test_without_layers_everything_is_at_its_default() -> None:
    resolved = resolve(CATALOGUE, [])
    assert resolved[Timers] == Timers()
    assert resolved.origin("waitTimeoutMS") == Origin(Level.DEFAULT, "default")
    assert resolved.chain("voice") == ((Origin(Level.DEFAULT, "default"), "anna"),)


def test_the_stronger_level_wins_whatever_the_order_of_the_layers() -> None:
    layers = [base(waitTimeoutMS=1), bot(waitTimeoutMS=2)]
    assert resolve(CATALOGUE, layers)[Timers].wait_ms == 2
    assert resolve(CATALOGUE, layers[::-1])[Timers].wait_ms == 2


def test_within_a_level_the_later_layer_wins() -> None:
    near = Layer(Level.BASE_BOT, "base bot near", {"waitTimeoutMS": 7})
    resolved = resolve(CATALOGUE, [base(waitTimeoutMS=1), near])
    assert resolved[Timers].wait_ms == 7
    assert resolved.origin("waitTimeoutMS").name == "base bot near"


def test_the_chain_shows_every_layer_that_sets_the_value_weakest_first() -> None:
    provider = Layer(Level.PROVIDER, "provider p", {"voice": "otto"})
    resolved = resolve(CATALOGUE, [provider, base(limitMS=9), bot(voice="eva")])
    assert resolved.chain("voice") == (
        (Origin(Level.DEFAULT, "default"), "anna"),
        (Origin(Level.PROVIDER, "provider p"), "otto"),
        (Origin(Level.BOT, "bot demo"), "eva"),
    )


def test_lists_are_replaced_whole_and_null_is_a_value_where_the_type_allows_it() -> None:
    resolved = resolve(CATALOGUE, [base(phrases=["a", "b"]), bot(phrases=["c"], voice=None)])
    assert resolved[Words].phrases == ("c",)
    assert resolved[Words].voice is None
    assert "waitTimeoutMS" in problems_of(bot(waitTimeoutMS=None))


def test_every_problem_is_reported_at_once_with_the_layer_that_causes_it() -> None:
    found = problems_of(
        base(waitTimeoutMS=-1, voise="x"), bot(phrases="no list", inner={"depth": -1, "deep": 1})
    )
    assert sorted(found) == ["inner", "phrases", "voise", "waitTimeoutMS"]
    assert found["voise"] == "is not a parameter; did you mean voice? (set by base bot root)"
    assert found["waitTimeoutMS"] == "must be between 0 and 600 ms (set by base bot root)"
    assert "depth: " in found["inner"]
    assert "deep: " in found["inner"]
    assert found["inner"].endswith("(set by bot demo)")


def test_a_wrong_value_that_a_stronger_layer_hides_does_not_matter() -> None:
    resolved = resolve(CATALOGUE, [base(waitTimeoutMS="soon"), bot(waitTimeoutMS=5)])
    assert resolved[Timers].wait_ms == 5


def test_a_wrong_value_is_blamed_on_the_layer_that_wins() -> None:
    assert problems_of(base(waitTimeoutMS=1), bot(waitTimeoutMS=-1)) == {
        "waitTimeoutMS": "must be between 0 and 600 ms (set by bot demo)"
    }


def test_a_broken_rule_is_blamed_on_those_who_set_a_part_of_it() -> None:
    bystander = Layer(Level.PROVIDER, "provider p", {"voice": "otto"})
    found = problems_of(bystander, base(limitMS=1), bot(waitTimeoutMS=2))
    assert found["Timers"].endswith("limitMS (set by base bot root and bot demo)")


def test_a_rule_between_parameters_holds_for_the_effective_values() -> None:
    assert problems_of(base(waitTimeoutMS=300), bot(limitMS=200)) == {
        "Timers": "waitTimeoutMS must not exceed limitMS (set by base bot root and bot demo)"
    }
    assert CATALOGUE.problems(Level.BOT, {"waitTimeoutMS": 550}) == {}
    assert resolve(CATALOGUE, [base(limitMS=600), bot(waitTimeoutMS=550)])[Timers].wait_ms == 550


def test_a_parameter_can_be_set_only_where_it_is_declared_to_be() -> None:
    found = CATALOGUE.problems(Level.SESSION, {"waitTimeoutMS": 1, "limitMS": 600})
    assert found == {
        "limitMS": "cannot be set by the bot for the session; "
        "it can be set in a provider, in a base bot, in a bot"
    }
    assert CATALOGUE.problems(Level.BOT, {"limitMS": 600}) == {}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("waittimeoutms", "is not a parameter; did you mean waitTimeoutMS?"),
        ("waitTimoutMS", "is not a parameter; did you mean waitTimeoutMS?"),
        ("somethingElse", "is not a parameter"),
        (
            "sttProvider",
            "is not a parameter but the field stt_provider of the bot: its recogniser",
        ),
    ],
)
def test_an_unknown_name_is_answered_by_the_likely_one(name: str, hint: str) -> None:
    assert CATALOGUE.problems(Level.BOT, {name: 1}) == {name: hint}


def test_names_without_end_are_refused_without_looking_for_likely_ones() -> None:
    nearly = {f"waitTimeoutM{number}": 1 for number in range(2 * MAX_HINTS)}
    endless = "waitTimeoutMS" * MAX_HINTED_CHARACTERS

    problems = CATALOGUE.problems(Level.BOT, {endless: 1, **nearly})

    hinted = [name for name, text in problems.items() if "did you mean" in text]
    assert problems.keys() == {endless, *nearly}
    assert len(hinted) == MAX_HINTS - 1
    assert endless not in hinted


def test_a_layer_is_checked_for_names_levels_and_values_at_once() -> None:
    found = CATALOGUE.problems(
        Level.ACTIVITY, {"nope": 1, "limitMS": "x", "waitTimeoutMS": 601, "phrases": ["a", 3]}
    )
    assert sorted(found) == ["limitMS", "nope", "phrases", "waitTimeoutMS"]
    assert found["limitMS"].startswith("cannot be set by the bot for an activity")
    assert found["phrases"].startswith("1: ")


def test_what_the_bot_sets_at_run_time_lies_over_the_configuration() -> None:
    configured = resolve(CATALOGUE, [bot(waitTimeoutMS=1)])
    session = configured.overlay(Layer(Level.SESSION, "bot at run time", {"waitTimeoutMS": 2}))
    activity = session.overlay(Layer(Level.ACTIVITY, "bot at run time", {"phrases": ["z"]}))
    assert [r[Timers].wait_ms for r in (configured, session, activity)] == [1, 2, 2]
    assert activity[Words].phrases == ("z",)
    assert activity.origin("waitTimeoutMS") == Origin(Level.SESSION, "bot at run time")
    assert [layer.level for layer in activity.layers] == [Level.BOT, Level.SESSION, Level.ACTIVITY]


def test_an_overlay_of_a_weaker_level_does_not_hide_a_stronger_one() -> None:
    activity = resolve(CATALOGUE, [Layer(Level.ACTIVITY, "now", {"waitTimeoutMS": 3})])
    later = activity.overlay(Layer(Level.SESSION, "from now on", {"waitTimeoutMS": 4}))
    assert later[Timers].wait_ms == 3
    assert later.origin("waitTimeoutMS").name == "now"


def test_an_overlay_leaves_untouched_sections_as_they_are() -> None:
    configured = resolve(CATALOGUE, [bot(voice="eva", waitTimeoutMS=1)])
    later = configured.overlay(Layer(Level.SESSION, "s", {"waitTimeoutMS": 2}))
    assert later[Words] is configured[Words]


def test_an_overlay_with_problems_is_refused_whole() -> None:
    configured = resolve(CATALOGUE, [])
    with pytest.raises(ParameterError) as refused:
        configured.overlay(
            Layer(Level.SESSION, "bot at run time", {"waitTimeoutMS": 5, "voice": 1})
        )
    assert list(refused.value.problems) == ["voice"]
    assert configured[Timers].wait_ms == 0


def test_effective_values_come_by_wire_name_with_secrets_masked() -> None:
    resolved = resolve(CATALOGUE, [bot(key="hush", pin="1234", inner={"depth": 2})])
    assert resolved.values() == {
        "waitTimeoutMS": 0,
        "limitMS": 500,
        "phrases": ["yes"],
        "voice": "anna",
        "key": MASK,
        "pin": MASK,
        "inner": {"depth": 2},
    }
    assert resolved[Words].key.get_secret_value() == "hush"
    assert [value for _, value in resolved.chain("key")] == ["", MASK]
    assert resolve(CATALOGUE, []).values()["key"] == ""


def test_a_default_is_shown_as_json_would_hold_it() -> None:
    resolved = resolve(CATALOGUE, [])
    assert resolved.chain("inner")[0][1] == {"depth": 0}
    assert resolved.chain("phrases")[0][1] == ["yes"]


def test_a_wrong_secret_is_not_repeated_in_the_problem() -> None:
    assert "hush" not in str(problems_of(bot(key=["hush"])))


def test_what_is_not_in_the_catalogue_cannot_be_asked_for() -> None:
    resolved = resolve(CATALOGUE, [])
    with pytest.raises(KeyError, match="Inner is not in this catalogue"):
        resolved[Inner]
    with pytest.raises(KeyError):
        resolved.origin("depth")
    with pytest.raises(KeyError):
        resolved.chain("depth")
    assert resolved.catalogue is CATALOGUE


def test_a_catalogue_knows_its_parameters_by_wire_name() -> None:
    assert "voice" in CATALOGUE
    assert "depth" not in CATALOGUE
    assert CATALOGUE["voice"].section is Words
    assert len(CATALOGUE) == len(list(CATALOGUE)) == 7
    assert len(CATALOGUE.with_sections([Inner, Timers])) == 8
    assert len(CATALOGUE) == 7


def test_a_wire_name_declared_twice_stops_start_up() -> None:
    class Again(ParamSet):
        SECTION: ClassVar[str] = "Again"
        other: Annotated[str, Param(help="x")] = Field("", alias="voice")

    with pytest.raises(TypeError, match=r"voice is declared twice: in Words and in .*Again"):
        CATALOGUE.with_sections([Again])


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "waitTimeoutMS": st.integers(0, 400),
        "phrases": st.lists(st.text(max_size=3), max_size=2),
        "pin": st.text(max_size=3),
    },
)
LAYERS = st.lists(
    st.builds(
        Layer, st.sampled_from([Level.BASE_BOT, Level.BOT]), st.text(min_size=1, max_size=3), VALUES
    ),
    max_size=5,
)


@given(LAYERS, VALUES)
def test_an_overlay_equals_resolving_everything_at_once(
    layers: list[Layer], changes: dict[str, Any]
) -> None:
    changes.pop("pin", None)
    session = Layer(Level.SESSION, "bot at run time", changes)
    once = resolve(CATALOGUE, [*layers, session])
    twice = resolve(CATALOGUE, layers).overlay(session)
    assert twice.values() == once.values()
    assert twice.layers == once.layers
    for section in CATALOGUE.sections:
        assert twice[section] == once[section]


@given(LAYERS)
def test_the_last_of_the_chain_is_the_effective_value(layers: list[Layer]) -> None:
    resolved = resolve(CATALOGUE, layers)
    origin, value = resolved.chain("waitTimeoutMS")[-1]
    assert value == resolved[Timers].wait_ms
    assert origin == resolved.origin("waitTimeoutMS")
