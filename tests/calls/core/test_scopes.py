"""Parameters in force: what the bot sets for the session and for an activity, over its own."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field, model_validator

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.params.resolve import Catalogue, resolve
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.speech import Speech
from calls.core.scopes import MAX_NAME_CHARACTERS, MAX_NAMED, MAX_VALUES, Scopes
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure


class Window(ParamSet):
    """Two parameters that must fit each other."""

    SECTION: ClassVar[str] = "Window"

    start_ms: Annotated[int, Param(help="Start.", unit="ms", levels=BOT_SETTABLE, live=True)] = (
        Field(0, alias="windowStartMS")
    )
    end_ms: Annotated[int, Param(help="End.", unit="ms", levels=BOT_SETTABLE)] = Field(
        100, alias="windowEndMS"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Window":
        if self.start_ms >= self.end_ms:
            raise ValueError("the window must start before it ends")
        return self


def scopes() -> Scopes:
    """Parameters of a bot that speaks English with the voice slt."""
    return Scopes(configured(language="en-US", voiceName="slt"))


def message(**fields: Json) -> Activity:
    return activities.message("Hello.", **fields)


def config(**fields: Json) -> Activity:
    return activities.event("config", **fields)


def test_what_is_configured_is_in_force() -> None:
    speech = scopes()[Speech]

    assert (speech.language, speech.voice_name) == ("en-US", "slt")


@pytest.mark.parametrize(
    "following", [activities.message("Hello."), activities.event("playUrl")], ids=["text", "audio"]
)
def test_activity_values_last_until_the_next_message_or_audio(following: Activity) -> None:
    params = scopes()

    assert params.enter(message(activity_params={"language": "de-DE"})) == {}
    assert params[Speech].language == "de-DE"
    params.enter(following)
    assert params[Speech].language == "en-US"


def test_activity_values_of_an_event_are_added_to_those_in_force() -> None:
    params = scopes()
    params.enter(message(activity_params={"language": "de-DE", "bargeIn": True}))
    params.enter(activities.event("dance", activity_params={"language": "fr-FR"}))

    assert params[Speech].language == "fr-FR"
    assert params[BargeIn].barge_in
    params.enter(message())
    assert params[Speech].language == "en-US"


def test_session_values_last_for_the_call() -> None:
    params = scopes()
    params.enter(message(session_params={"voiceName": "awb"}))
    params.enter(config(session_params={"bargeIn": True}))
    params.enter(message())

    assert params[Speech].voice_name == "awb"
    assert params[BargeIn].barge_in


def test_activity_values_are_stronger_than_session_values() -> None:
    params = scopes()
    params.enter(
        message(session_params={"language": "fr-FR"}, activity_params={"language": "de-DE"})
    )

    assert params[Speech].language == "de-DE"
    params.enter(message())
    assert params[Speech].language == "fr-FR"


def test_activity_values_of_a_config_event_last_for_the_call_and_replace_those_of_a_message() -> (
    None
):
    params = scopes()
    params.enter(message(activity_params={"language": "de-DE", "voiceName": "kal"}))
    params.enter(config(activity_params={"voiceName": "awb"}))

    assert (params[Speech].language, params[Speech].voice_name) == ("de-DE", "awb")
    params.enter(message())
    assert (params[Speech].language, params[Speech].voice_name) == ("en-US", "awb")


@pytest.mark.parametrize("name", ["hangup", "transfer", "Handover"])
def test_arguments_of_leaving_are_no_settings(name: str) -> None:
    params = scopes()
    params.enter(message(activity_params={"language": "de-DE"}))

    arguments = {"transferTarget": "tel:+15550100", "hangupReason": "Done", "ticket": 7}
    leaving = activities.event(name, activity_params=arguments, session_params={"bargeIn": True})

    assert params.enter(leaving) == {}
    assert params[CallControl].transfer_target == ""
    assert params[Speech].language == "de-DE"
    assert params[BargeIn].barge_in


def test_what_may_not_be_set_is_named_and_the_rest_counts() -> None:
    params = scopes()
    problems = params.enter(
        message(
            activity_params={"language": "de-DE", "bargeIn": "often", "nonsense": 1},
            session_params={"maxCallDurationMS": 60_000},
        )
    )

    assert set(problems) == {"bargeIn", "nonsense", "maxCallDurationMS"}
    assert params[Speech].language == "de-DE"
    assert not params[BargeIn].barge_in


def test_of_names_without_end_some_are_named_and_the_others_counted() -> None:
    nonsense = {f"nonsense{number}": 1 for number in range(MAX_NAMED + 5)}
    problems = scopes().enter(message(activity_params=nonsense))

    assert len(problems) == MAX_NAMED + 1
    assert problems["nonsense0"] == "is not a parameter"
    assert problems["5 more"] == "refused, too"


def test_parameters_without_end_are_not_looked_at() -> None:
    values = {f"nonsense{number}": 1 for number in range(MAX_VALUES)}
    params = scopes()
    problems = params.enter(message(session_params={"language": "de-DE", **values}))

    assert problems == {f"{MAX_VALUES + 1} parameters": "too many at once"}
    assert params[Speech].language == "en-US"


def test_a_name_without_end_is_cut() -> None:
    problems = scopes().enter(message(activity_params={"n" * 1_000_000: 1}))

    assert problems == {"n" * MAX_NAME_CHARACTERS: "is not a parameter"}


def test_values_that_contradict_each_other_are_refused_together() -> None:
    params = Scopes(resolve(Catalogue([Speech, Window]), []))
    params.enter(message(session_params={"windowEndMS": 200}))

    problems = params.enter(message(session_params={"windowStartMS": 300, "language": "de-DE"}))

    assert problems == {"Window": "the window must start before it ends (set by bot at run time)"}
    assert (params[Window].start_ms, params[Window].end_ms) == (0, 200)
    assert params[Speech].language == "en-US"


def test_the_lasting_values_are_those_without_the_activitys() -> None:
    params = scopes()
    params.enter(
        message(session_params={"language": "fr-FR"}, activity_params={"language": "de-DE"})
    )

    assert params.lasting[Speech].language == "fr-FR"
    assert params.resolved[Speech].language == "de-DE"


def test_values_in_force_are_another_object_only_when_something_was_set() -> None:
    params = scopes()
    before = params.resolved
    params.enter(message())
    same = params.resolved is before
    params.enter(message(activity_params={"language": "de-DE"}))

    assert same
    assert params.resolved is not before


@pytest.mark.parametrize("values", [None, {}, ["bargeIn"], "bargeIn"])
def test_what_is_no_object_sets_nothing(values: object) -> None:
    params = scopes()
    activity = Activity(type="message", activity_params=values)  # type: ignore[arg-type] # a peer's

    assert params.enter(activity) == {}
    assert params[Speech].language == "en-US"


def test_what_a_supervisor_sets_is_stronger_than_what_the_bot_sets() -> None:
    params = Scopes(configured(bargeIn=True))
    assert params.supervise("bargeIn", False, "anna") == ""
    params.enter(config(session_params={"bargeIn": True}))
    assert params[BargeIn].barge_in is False
    assert params.resolved.origin("bargeIn").name == "supervisor anna"

    assert params.supervise("bargeIn", None, "bert") == ""
    assert params[BargeIn].barge_in is True


def test_of_two_supervisors_the_later_counts() -> None:
    params = Scopes(configured(bargeIn=True, userNoInputTimeoutMS=1000))
    params.supervise("bargeIn", False, "anna")
    params.supervise("userNoInputTimeoutMS", 2000, "anna")
    params.supervise("bargeIn", True, "bert")

    assert params.resolved.origin("bargeIn").name == "supervisor bert"
    assert params.resolved.origin("userNoInputTimeoutMS").name == "supervisor anna"


def test_a_supervisor_can_set_live_parameters_only_and_within_their_range() -> None:
    params = scopes()
    before = params.resolved

    assert "cannot be set by a supervisor" in params.supervise("maxCallDurationMS", 1000, "anna")
    assert "cannot be set by a supervisor" in params.supervise("maxCallDurationMS", None, "anna")
    assert params.supervise("bargeIn", "perhaps", "anna") == "must be true or false"
    assert params.resolved is before


def test_a_value_that_contradicts_another_is_not_taken_from_a_supervisor() -> None:
    params = Scopes(resolve(Catalogue([Window]), []))

    problem = params.supervise("windowStartMS", 200, "anna")

    assert "the window must start before it ends" in problem
    assert params[Window].start_ms == 0
