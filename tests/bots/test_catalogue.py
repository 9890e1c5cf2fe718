"""Which parameters exist with which plug-ins."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from bots.core import catalogue, registry
from bots.core.params.declare import Level, Param, ParamSet
from bots.core.params.resolve import Layer, Origin, resolve
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.google import Google

pytestmark = [pytest.mark.pure, pytest.mark.usefixtures("plugins")]


def test_a_bot_has_the_common_parameters_and_those_of_its_plugins() -> None:
    found = catalogue.of([registry.plugin("bot", "echo"), registry.plugin("tts", "mouth")])
    assert "language" in found
    assert "echoGreeting" in found
    assert "otherMood" not in found
    assert "earModel" not in found


def test_everything_has_the_parameters_of_all_plugins_but_no_credentials() -> None:
    found = catalogue.everything()
    assert {"language", "echoGreeting", "otherMood", "earModel"} <= {p.wire_name for p in found}
    assert "earKey" not in found


def test_a_catalogue_is_made_once_for_the_same_plugins() -> None:
    chosen = [registry.plugin("bot", "echo")]
    assert catalogue.of(chosen) is catalogue.of(chosen)


def test_a_plugin_may_have_a_section_of_every_bot_as_its_own() -> None:
    registry.register("stt", "shared", "Shared", params=Google)(Google)
    found = catalogue.of([registry.plugin("stt", "shared")])
    assert found["googleInteractionType"].section is Google
    assert found.sections.count(Google) == 1


def test_two_plugins_with_one_parameter_name_stop_start_up() -> None:
    class Rival(ParamSet):
        SECTION: ClassVar[str] = "Rival"
        greeting: Annotated[str, Param(help="x")] = Field("", alias="echoGreeting")

    registry.register("bot", "rival", "Rival", params=Rival)(Rival)
    with pytest.raises(TypeError, match="echoGreeting is declared twice"):
        catalogue.everything()


# --- defaults of plug-ins -------------------------------------------------------------------------


def with_defaults(**defaults: object) -> registry.Plugin:
    registry.register("bot", "agent", "Agent", defaults=defaults)(type("Agent", (), {}))
    return registry.plugin("bot", "agent")


def test_a_plugin_brings_defaults_that_anybody_overrides() -> None:
    agent = with_defaults(bargeIn=True, language="de-DE")
    layers = catalogue.defaults([registry.plugin("stt", "ear"), agent])
    assert [layer.name for layer in layers] == ["default of agent"]
    provider = Layer(Level.PROVIDER, "provider p", {"language": "fr-FR"})
    found = resolve(catalogue.of([agent]), [provider, *layers])
    assert found[BargeIn].barge_in
    assert found.origin("bargeIn") == Origin(Level.DEFAULT, "default of agent")
    assert found.origin("language").name == "provider p"
    catalogue.check()


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [({"bargeIn": "maybe"}, "bargeIn must be true"), ({"earModel": "x"}, "earModel is not a")],
)
def test_a_wrong_default_of_a_plugin_stops_start_up(
    defaults: dict[str, object], problem: str
) -> None:
    with_defaults(**defaults)
    with pytest.raises(TypeError, match=f"wrong defaults of the bot plug-in agent: {problem}"):
        catalogue.check()
