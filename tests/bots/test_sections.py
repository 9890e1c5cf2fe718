"""The parameter catalogue: names, defaults and ranges as the voice side documents them."""

from typing import Any

import pytest

from bots.core.params.declare import BOT_SETTABLE, Level
from bots.core.params.resolve import Catalogue, Layer, resolve
from bots.core.params.sections import COMMON
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts

pytestmark = pytest.mark.pure

CATALOGUE = Catalogue(COMMON)

DEFAULTS = {
    "language": "en-US",
    "sttLanguage": "",
    "ttsLanguage": "",
    "voiceName": "",
    "sttContextPhrases": [],
    "speechDetectionSilencePeriodMS": 600,
    "speechDetectionVoicePeriodMS": 100,
    "bargeIn": False,
    "bargeInOnDTMF": False,
    "sendDTMF": False,
    "userNoInputTimeoutMS": 0,
    "userNoInputRetries": 0,
    "userNoInputSpeech": "",
    "userNoInputSendEvent": False,
    "botNoInputGiveUpTimeoutMS": 30_000,
    "maxCallDurationMS": 14_400_000,
    "transferTarget": "",
    "handoverReason": "",
    "resumeGracePeriodMS": 10_000,
}
ADMINISTRATOR_ONLY = {
    "speechDetectionSilencePeriodMS",
    "speechDetectionVoicePeriodMS",
    "maxCallDurationMS",
    "resumeGracePeriodMS",
}


def test_names_and_defaults_are_those_of_the_catalogue() -> None:
    assert resolve(CATALOGUE, []).values() == DEFAULTS


def test_only_what_shapes_the_line_itself_is_closed_to_the_bot() -> None:
    closed = {p.wire_name for p in CATALOGUE if Level.SESSION not in p.param.levels}
    assert closed == ADMINISTRATOR_ONLY
    assert all(p.param.levels == BOT_SETTABLE for p in CATALOGUE if p.wire_name not in closed)


def test_every_parameter_explains_itself_and_every_time_says_its_unit() -> None:
    for parameter in CATALOGUE:
        assert parameter.param.help.endswith(".")
        assert parameter.param.source
        assert (parameter.param.unit == "ms") == parameter.wire_name.endswith("MS")


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("language", ["en-US", "de", "zh-Hans-CN"], ["", "en_US", "english!", 5, None]),
        ("sttLanguage", ["", "es-419"], ["e", None]),
        ("ttsLanguage", ["", "pt-BR"], ["-", ["en"]]),
        ("voiceName", ["", "en-US-Neural2-A"], [None, "v" * 201]),
        ("sttContextPhrases", [[], ["$ADDRESSNUM"]], ["one", [1], None]),
        ("speechDetectionSilencePeriodMS", [100, 5000, 700.0], [99, 5001, 0.5]),
        ("speechDetectionVoicePeriodMS", [20, 2000], [19, 2001]),
        ("bargeIn", [True, "false"], ["perhaps", None, 2]),
        ("userNoInputTimeoutMS", [0, 600_000], [-1, 600_001]),
        ("userNoInputRetries", [0, 999], [-1, 1000]),
        ("botNoInputGiveUpTimeoutMS", [0, 600_000], [-1, 600_001, None]),
        ("maxCallDurationMS", [60_000, 86_400_000], [59_999, 86_400_001, 0]),
        ("resumeGracePeriodMS", [0, 600_000], [-1, 600_001]),
    ],
)
def test_ranges_are_kept(name: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert CATALOGUE.problems(Level.BOT, {name: value}) == {}, value
    for value in wrong:
        assert list(CATALOGUE.problems(Level.BOT, {name: value})) == [name], value


def test_a_wrong_language_is_answered_by_an_example() -> None:
    found = CATALOGUE.problems(Level.BOT, {"language": "en_US"})
    assert found == {"language": "use a BCP 47 language tag such as en-US"}


def test_sections_give_typed_attributes() -> None:
    values = {
        "language": "de-DE",
        "bargeIn": True,
        "sendDTMF": True,
        "userNoInputTimeoutMS": 6000,
        "transferTarget": "tel:+15550100",
    }
    resolved = resolve(CATALOGUE, [Layer(Level.BOT, "bot demo", values)])
    assert resolved[Speech].language == "de-DE"
    assert resolved[BargeIn].barge_in
    assert resolved[Dtmf].send_dtmf
    assert resolved[Timeouts].user_no_input_timeout_ms == 6000
    assert resolved[CallControl].transfer_target == "tel:+15550100"
