"""The parameter catalogue: names, defaults and ranges as they are documented for bots."""

import base64
from typing import Any

import pytest

from bots.core.errors import ParameterError
from bots.core.params.declare import ADMINISTRATOR, BOT_SETTABLE, DIALER_SETTABLE, Level
from bots.core.params.fields import FIELDS
from bots.core.params.resolve import Catalogue, Layer, Resolved, resolve
from bots.core.params.sections import COMMON
from bots.core.params.sections.agent_assist import AgentAssist
from bots.core.params.sections.bot_events import BotEvents
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.machine_detection import PHRASES
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.provider_groups import ProviderGroups
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from bots.core.params.sections.webhooks import Webhooks

pytestmark = pytest.mark.pure

CATALOGUE = Catalogue(COMMON)

BY_BOT_TOO: dict[str, Any] = {
    "language": "en-US",
    "sttLanguage": "",
    "ttsLanguage": "",
    "voiceName": "",
    "disableTtsCache": False,
    "sttDisablePunctuation": False,
    "sttContextId": "",
    "sttContextPhrases": [],
    "sttContextBoost": 0,
    "sttSpeechContexts": [],
    "sttGenericData": None,
    "continuousASR": False,
    "continuousASRDigits": "#",
    "continuousASRTimeoutInMS": 3000,
    "continuousASRHypothesisTimeoutMS": 3000,
    "bargeIn": False,
    "bargeInOnDTMF": False,
    "bargeInMinWordCount": 1,
    "sendDTMF": False,
    "sendDTMFAsText": False,
    "dtmfCollect": False,
    "dtmfCollectInterDigitTimeoutMS": 2000,
    "dtmfCollectMaxDigits": 5,
    "dtmfCollectSubmitDigit": "#",
    "dtmfAcknowledgeTimeoutMS": 2000,
    "userNoInputTimeoutMS": 0,
    "userNoInputRetries": 0,
    "userNoInputSendEvent": False,
    "userNoInputSpeech": "",
    "userNoInputUrl": "",
    "userNoInputGiveUpTimeoutMS": 0,
    "botNoInputTimeoutMS": 0,
    "botNoInputRetries": 0,
    "botNoInputSpeech": "",
    "botNoInputUrl": "",
    "botNoInputGiveUpTimeoutMS": 30_000,
    "resumeRecognitionTimeoutMS": 10_000,
    "resumeRecognitionSpeech": "",
    "resumeRecognitionPlayUrl": "",
    "expectAnotherBotMessage": False,
    "botFailOnErrors": False,
    "sttResponseTimeoutMS": 8000,
    "ttsResponseTimeoutMS": 10_000,
    "sendEventsToBot": [],
    "speechActivitySilencePeriodMS": 1000,
    "speechActivityVoicePeriodMS": 0,
    "playUrlUrl": "",
    "playUrlMediaFormat": "wav/lpcm16",
    "playUrlCaching": False,
    "playUrlAltText": "",
    "playUrlFailureHandling": "disconnect",
    "transferTarget": "",
    "handoverReason": "",
    "transferReferredByURL": "",
    "transferSipHeaders": [],
    "transferNotifications": False,
    "hangupReason": "",
    "hangupSipHeaders": [],
    "callRecordingId": "",
    "callRecordingDestUsername": "",
    "azureSpeechRecognitionMode": "conversation",
    "azureEnableAudioLogging": False,
    "ttsDeploymentId": "",
    "googleInteractionType": "INTERACTION_TYPE_UNSPECIFIED",
    "ttsEnhancedVoice": "",
    "speakerVerificationSpeakerId": "",
    "speakerVerificationType": "text-independent",
    "targetParticipant": "",
    "playerSettings": [],
    "crossParticipantSetting": [],
    "participantSettings": [],
}
BY_DIALER_TOO: dict[str, Any] = {
    "machineGreetingMS": 2500,
    "machineWordCount": 9,
    "machinePhrases": list(PHRASES),
    "machineSilenceMS": 1000,
    "machineNoSpeechTimeoutMS": 5000,
    "machineDecisionTimeoutMS": 15_000,
}
BY_ADMINISTRATOR_ONLY: dict[str, Any] = {
    "connectOnPrompt": True,
    "sendInitialActivity": True,
    "initialActivity": None,
    "initialMessage": "",
    "welcomeMessage": "",
    "sipHeadersToBot": {},
    "sendNumberMetaData": True,
    "numberRegion": "",
    "ringbackUntilConnected": False,
    "waitForMedia": False,
    "ttsOverrideConfig": {},
    "speechDetection": False,
    "speechDetectionSilencePeriodMS": 600,
    "speechDetectionVoicePeriodMS": 100,
    "maxCallDurationMS": 14_400_000,
    "enableSpeechDetectionEvent": False,
    "transferMethod": "refer",
    "dialoutClients": [],
    "dialoutPerSecond": 0.0,
    "dialoutMaxConcurrent": 0,
    "dialoutCaller": "",
    "sipHeaders": [],
    "resumeGracePeriodMS": 10_000,
    "failoverActivities": {"bot": [], "stt": [], "tts": [], "channel": [], "general": []},
    "callRecordingServer": "",
    "callRecordingServerSet": "",
    "autoCallRecording": False,
    "sendMetaDataUrl": "",
    "sendMetaDataTimeoutMs": 10_000,
    "sendMetadataAsSipInfo": False,
    "sendMetaDataUsername": "",
    "sendMetaDataPassword": "",
    "callEventsUrl": "",
    "callEventsSecret": "",
    "callEvents": ["call.started", "call.ended"],
    "callAgentReports": [
        "connected",
        "reconnected",
        "latency",
        "function_call",
        "function_cancelled",
        "function_response",
        "prompt_updated",
        "speak_updated",
        "think_updated",
        "listen_updated",
        "injection_refused",
        "warning",
        "error",
    ],
    "storeTranscripts": True,
    "transcriptRetentionDays": 1,
    "storeUserAudio": False,
    "botHost": "",
    "botSecret": "",
    "region": "",
    "sttPreferWave": False,
    "ttsPreferWave": False,
    "sttAllowSelfSignedCert": False,
    "ttsAllowSelfSignedCert": False,
    "providers": [],
    "sttProviders": [],
    "additionalSttProviders": [],
    "additionalTtsProviders": [],
    "maxSttRetriesPerPriority": -1,
    "maxTtsRetriesPerPriority": -1,
    "sttOverrideConfig": {},
    "sttOverrideStreamingConfig": {},
}


def with_values(**values: Any) -> Resolved:
    return resolve(CATALOGUE, [Layer(Level.BOT, "bot demo", values)])


def problem(name: str, value: Any) -> str:
    found = CATALOGUE.problems(Level.BOT, {name: value})
    assert list(found) == [name], value
    return found[name]


def test_names_and_defaults_are_those_of_the_catalogue() -> None:
    assert resolve(CATALOGUE, []).values() == BY_BOT_TOO | BY_DIALER_TOO | BY_ADMINISTRATOR_ONLY


def test_a_bot_may_set_what_shapes_the_conversation_and_nothing_else() -> None:
    levels = {p.wire_name: p.param.levels for p in CATALOGUE}
    expected = dict.fromkeys(BY_BOT_TOO, BOT_SETTABLE)
    expected |= dict.fromkeys(BY_ADMINISTRATOR_ONLY, ADMINISTRATOR)
    expected |= dict.fromkeys(BY_DIALER_TOO, DIALER_SETTABLE)
    assert levels == expected


def test_what_a_bot_may_set_can_change_in_a_running_call() -> None:
    assert all(p.param.live for p in CATALOGUE if p.wire_name in BY_BOT_TOO)
    others = {p.wire_name for p in CATALOGUE if p.param.live} - BY_BOT_TOO.keys()
    assert others == {"enableSpeechDetectionEvent", "failoverActivities"}


def test_every_parameter_explains_itself_and_every_time_says_its_unit() -> None:
    for parameter in CATALOGUE:
        assert parameter.param.help.endswith(".")
        assert parameter.param.source
        is_time = parameter.wire_name.lower().endswith("ms")
        assert (parameter.param.unit == "ms") == is_time, parameter.wire_name


def test_secrets_and_templates_are_marked() -> None:
    assert {p.wire_name for p in CATALOGUE if p.param.secret} == {
        "sendMetaDataPassword",
        "botSecret",
        "callEventsSecret",
    }
    assert [p.wire_name for p in CATALOGUE if p.param.placeholders] == ["sendMetaDataUrl"]


def test_a_field_of_a_bot_or_provider_is_no_parameter_too() -> None:
    assert not [name for name in FIELDS if name in CATALOGUE]


HEADER = {"name": "X-Reason", "value": "busy"}
TARGET = {"participant": "caller", "gainDb": -32, "bargeIn": True}
PLAYER = {"player": "ToCustomer", "targets": [TARGET]}


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("language", ["en-US", "de", "zh-Hans-CN"], ["", "en_US", "english!", 5, None]),
        ("sttLanguage", ["", "es-419"], ["e", None]),
        ("ttsLanguage", ["", "pt-BR"], ["-", ["en"]]),
        ("voiceName", ["", "en-US-Neural2-A"], [None, "v" * 201]),
        ("sttContextPhrases", [[], ["$ADDRESSNUM"]], ["one", [1], None, ["x"] * 5001]),
        ("sttContextBoost", [0, 20, 100], [-1, 101]),
        (
            "sttSpeechContexts",
            [[{"phrases": ["fair"], "boost": 20}], [{"phrases": []}]],
            [[{"boost": 1}], [{"phrases": ["x"], "boost": -1}], ["x"]],
        ),
        ("sttGenericData", [None, {"model": "nova-3"}, ["x"], 1], []),
        ("speechDetectionSilencePeriodMS", [100, 5000, 700.0], [99, 5001, 0.5]),
        ("speechDetectionVoicePeriodMS", [20, 2000], [19, 2001]),
        ("continuousASRDigits", ["", "#", "*#"], ["a", "1" * 13]),
        ("continuousASRTimeoutInMS", [500, 60_000], [499, 60_001]),
        ("continuousASRHypothesisTimeoutMS", [500, 6000], [499, 6001]),
        ("bargeIn", [True, "false"], ["perhaps", None, 2]),
        ("bargeInMinWordCount", [0, 5], [-1, 6]),
        ("dtmfCollectInterDigitTimeoutMS", [100, 60_000], [99, 60_001]),
        ("dtmfCollectMaxDigits", [1, 100], [0, 101]),
        ("dtmfCollectSubmitDigit", ["", "*"], ["##", "x"]),
        ("dtmfAcknowledgeTimeoutMS", [0, 60_000], [-1, 60_001]),
        ("userNoInputTimeoutMS", [0, 600_000], [-1, 600_001]),
        ("userNoInputRetries", [0, 999], [-1, 1000]),
        ("userNoInputUrl", ["", "https://h/x.wav"], ["x.wav"]),
        ("userNoInputGiveUpTimeoutMS", [0, 3_600_000], [-1, 3_600_001]),
        ("botNoInputTimeoutMS", [0, 600_000], [-1, 600_001]),
        ("botNoInputRetries", [0, 999], [-1, 1000]),
        ("botNoInputUrl", ["data:,"], ["ftp://h/x"]),
        ("botNoInputGiveUpTimeoutMS", [0, 600_000], [-1, 600_001, None]),
        ("resumeRecognitionTimeoutMS", [0, 600_000], [-1, 600_001]),
        ("resumeRecognitionPlayUrl", ["http://h/x"], ["//h/x"]),
        ("sttResponseTimeoutMS", [500, 120_000], [499, 120_001]),
        ("ttsResponseTimeoutMS", [500, 120_000], [499, 120_001]),
        ("maxCallDurationMS", [60_000, 86_400_000], [59_999, 86_400_001, 0]),
        ("sendEventsToBot", [[], ["speechHypothesis", "noUserInput"]], [["start"], "noUserInput"]),
        ("speechActivitySilencePeriodMS", [0, 10_000], [-1, 10_001]),
        ("speechActivityVoicePeriodMS", [0, 10_000], [-1, 10_001]),
        ("playUrlUrl", ["anything; playing it fails"], [None]),
        ("playUrlMediaFormat", ["raw/mulaw", "wav/lpcm16_24"], ["wav", "mp3"]),
        ("playUrlFailureHandling", ["ignore", "notify-bot"], ["notify"]),
        ("transferSipHeaders", [[HEADER], [HEADER] * 20], [[HEADER] * 21, HEADER, [{"name": "X"}]]),
        ("hangupSipHeaders", [[HEADER]], [[HEADER | {"value": "a\r\nb"}]]),
        ("resumeGracePeriodMS", [0, 600_000], [-1, 600_001]),
        ("numberRegion", ["", "DE", "US"], ["de", "DEU", "XX"]),
        ("sipHeadersToBot", [{}, {"a": "X-Id", "b": "P-Asserted-Identity.1"}], [["X"], {"a": 1}]),
        ("initialActivity", [None, {"name": "start"}], [{}, "start", {"type": "typing"}]),
        ("sendMetaDataTimeoutMs", [10, 60_000], [9, 60_001]),
        ("transcriptRetentionDays", [1, 3650], [0, 3651]),
        (
            "dialoutClients",
            [[], ["Zk3x-9_b.c"], ["c" * 255], [str(i) for i in range(200)]],
            [[""], ["a b"], ["a\n"], ["c" * 256], ["x"] * 201, "client", [1], None],
        ),
        ("machineGreetingMS", [500, 15_000], [499, 15_001]),
        ("machineWordCount", [2, 100], [1, 101]),
        ("machinePhrases", [[], ["Mailbox"]], [["x"], ["x" * 101], ["ab"] * 201, "Mailbox"]),
        ("machineSilenceMS", [200, 10_000], [199, 10_001]),
        ("machineNoSpeechTimeoutMS", [500, 60_000], [499, 60_001]),
        ("machineDecisionTimeoutMS", [1000, 120_000], [999, 120_001]),
        ("dialoutPerSecond", [0, 0.5, 1000], [-1, 1000.5, "often"]),
        ("dialoutMaxConcurrent", [0, 100_000], [-1, 100_001, 0.5]),
        (
            "dialoutCaller",
            ["", "+15550100", "anonymous", "a.b;c=d"],
            ["a b", "a\r\nX: y", "a@b", "a<b>", "1" * 201],
        ),
        (
            "callEventsUrl",
            ["", "https://crm.example", "HTTP://h:8080/a?b=c", "https://[::1]/x"],
            ["h", "ftp://h", "https://", "https://u:p@h/", "https://h/a b", "https://h/\r\nX: y"],
        ),
        ("callEvents", [[], ["call.line"]], [["call.other"], "call.line", ["call.line"] * 11]),
        ("callAgentReports", [[], ["thinking"]], [["thought"], "error", ["error"] * 21]),
        ("maxSttRetriesPerPriority", [-1, 100], [-2, 101]),
        ("providers", [[{"name": "a", "priority": 2, "weight": 0}]], [[{"name": ""}], ["a"]]),
        ("azureSpeechRecognitionMode", ["dictation"], [""]),
        ("googleInteractionType", ["PHONE_CALL"], ["phone_call"]),
        ("speakerVerificationType", ["text-dependent"], ["other"]),
        ("playerSettings", [[PLAYER, PLAYER]], [[PLAYER] * 3, [{"player": "x"}], [{}]]),
        (
            "crossParticipantSetting",
            [[{"from": "caller", "to": "callee", "gainDb": -32}]],
            [[{"from": "caller", "to": "callee", "gainDb": -33}], [{"from_": "a", "to": "b"}]],
        ),
    ],
)
def test_ranges_are_kept(name: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        assert CATALOGUE.problems(Level.BOT, {name: value}) == {}, value
    for value in wrong:
        problem(name, value)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("language", "en_US", "use a BCP 47 language tag such as en-US"),
        ("numberRegion", "de", "use the two capital letters of a country (ISO 3166-1) such as DE"),
        (
            "sipHeadersToBot",
            {"id": "X Id"},
            "id: use the name of a SIP header, or Header-Name.1 for the second of that name",
        ),
        ("sipHeadersToBot", {"id": "X-Id.first"}, "id: use the name of a SIP header, or "),
        ("sipHeadersToBot", {"": "X-Id"}, "a field: use the name of a SIP header, or "),
        ("sendMetaDataUrl", "ftp://crm.example", "must be an http or https URL"),
        ("sendMetaDataUrl", "https://h/${a b}", "SyntaxError: "),
        ("dialoutClients", ["a b"], "0: must be the client id of an API client"),
        ("callEventsUrl", "https://u@h", "must be an http or https URL without user name"),
        ("userNoInputTimeoutMS", 600_001, "must be between 0 and 600000 ms"),
    ],
)
def test_a_wrong_value_is_answered_by_a_right_one(name: str, value: Any, complaint: str) -> None:
    assert problem(name, value).startswith(complaint)


@pytest.mark.parametrize(
    "url", ["", "https://h/${botMessageMetadata.caller}", "HTTP://h", "${botMessageMetadata.url}"]
)
def test_metadata_goes_to_a_web_server_whose_address_may_depend_on_the_call(url: str) -> None:
    assert with_values(sendMetaDataUrl=url)[MetaData].send_meta_data_url == url


def signing_secret(count: int) -> str:
    return f"whsec_{base64.b64encode(bytes(range(count))).decode()}"


@pytest.mark.parametrize("value", ["", signing_secret(24), signing_secret(64)])
def test_events_are_signed_with_a_secret_of_standard_webhooks(value: str) -> None:
    found = with_values(callEventsSecret=value)[Webhooks]
    assert found.call_events_secret.get_secret_value() == value


@pytest.mark.parametrize(
    "value",
    [
        signing_secret(23),
        signing_secret(65),
        signing_secret(32).removeprefix("whsec_"),
        "whsec_" + "ü" * 32,
        "whsec_" + "-" * 32,
        "s3cret",
    ],
)
def test_another_secret_is_refused_without_being_told(value: str) -> None:
    complaint = problem("callEventsSecret", value)
    assert complaint == "must be whsec_ and 24 to 64 random bytes in base64"


def test_a_call_is_recorded_by_servers_or_by_sets_of_servers() -> None:
    with_values(callRecordingServer="srs")
    with_values(callRecordingServerSet="all")
    both = {"callRecordingServer": "srs", "callRecordingServerSet": "all"}
    assert CATALOGUE.problems(Level.BOT, both) == {}, "one of them may be inherited and hidden"
    with pytest.raises(ParameterError) as refused:
        with_values(**both)
    complaint = "callRecordingServer and callRecordingServerSet exclude each other"
    assert refused.value.problems == {"Call recording": f"{complaint} (set by bot demo)"}


def test_sections_give_typed_values() -> None:
    params = with_values(
        language="de-DE",
        sttSpeechContexts=[{"phrases": ["fair"], "boost": 20}],
        userNoInputTimeoutMS=6000,
        sendEventsToBot=["playFinished"],
        transferSipHeaders=[HEADER],
        initialActivity={"type": "message", "text": "hello"},
        sendMetaDataPassword="hush",
        playerSettings=[PLAYER],
        sttProviders=[{"name": "a"}],
    )
    assert params[Speech].stt_speech_contexts[0].boost == 20
    assert params[Timeouts].user_no_input_timeout_ms == 6000
    assert params[BotEvents].send_events_to_bot == ("playFinished",)
    assert params[CallControl].transfer_sip_headers[0].value == "busy"
    assert params[CallInitiation].initial_activity == {"type": "message", "text": "hello"}
    assert params[MetaData].send_meta_data_password.get_secret_value() == "hush"
    assert params[AgentAssist].player_settings[0].targets[0].gain_db == -32
    assert params[ProviderGroups].stt_providers[0].priority == 1


def test_an_activity_changes_only_what_it_sets() -> None:
    before = with_values(userNoInputTimeoutMS=6000, bargeIn=True)
    now = before.overlay(Layer(Level.ACTIVITY, "bot at run time", {"userNoInputRetries": 2}))
    assert now[Timeouts].user_no_input_timeout_ms == 6000
    assert now[Timeouts].user_no_input_retries == 2
    changed = [section for section in COMMON if now[section] is not before[section]]
    assert changed == [Timeouts]
