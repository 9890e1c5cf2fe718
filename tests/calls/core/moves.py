"""What a bot, the voice side and the services may do in a conversation, for the rules to choose."""

from typing import Any

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import Fault
from calls.core import events, steering
from calls.core.events import Event
from tests.calls.core.driver import A_FILE_OF_A_CLIENT, A_PERSON, FAILOVER, HANG_UP

TEXTS = ["One two three four.", "<speak>Five <break/> six</speak>", "Seven", ""]
FILE = "https://example.com/jingle.wav"
SPEAKING = [
    *(activities.message(text) for text in TEXTS),
    activities.message("Eight", activity_params={"bargeIn": True, "voiceName": "anna"}),
    activities.message("Nine", activity_params={"expectAnotherBotMessage": True}),
    activities.event("playUrl", activity_params={"playUrlUrl": FILE}),
    activities.event(
        "playUrl",
        activity_params={"playUrlUrl": FILE, "playUrlFailureHandling": "notify-bot"},
    ),
    activities.event(
        "playUrl",
        activity_params={"playUrlUrl": FILE, "playUrlFailureHandling": "ignore"},
    ),
    activities.event("playUrl"),
]
ACTIONS = [
    activities.event("config", session_params={"language": "de-DE"}),
    activities.event("config", activity_params={"nonsense": 1}),
    activities.event("transfer"),
    activities.event("abortPrompts"),
    activities.event("expectAnotherBotMessage"),
    activities.event("startCallRecording"),
    activities.event("stopCallRecording"),
    activities.event("sendMetaData", value={"ticket": 7}),
    activities.event("sendDtmf", activity_params={"dtmfDigits": "1"}),
    activities.event("dance"),
]
NOTIFIED = activities.event(
    "transfer", activity_params={"transferTarget": "tel:+15550100", "transferNotifications": True}
)
LEAVING = [
    activities.event("hangup", activity_params={"hangupReason": HANG_UP}),
    activities.event("transfer", activity_params={"transferTarget": "tel:+15550100"}),
    NOTIFIED,
]
OUTCOMES: list[Event] = [
    events.TransferDone(succeeded=True),
    events.TransferDone(succeeded=False, reason="SIP 486", reason_code="busy"),
]
ENDS: list[Event] = [
    events.BotLeft(),
    events.LegLost(),
    *OUTCOMES,
    events.CallerHungUp(reason_code="client-disconnected", reason="Client Side"),
    events.CallerHungUp(reason_code="", reason=""),
    events.CallerHungUp(reason_code="machine-detected", reason=""),
    events.EndRequested(by="operator", reason_code="operator", reason="Stopped"),
    events.ServiceFailed(service="bot", fault=Fault.SERVER),
    events.ServiceFailed(service="stt", fault=Fault.TIMEOUT, detail="slow"),
]
FAILOVERS: dict[str, list[dict[str, Any]]] = {
    "nothing": [],
    "prompts": [
        {"type": "message", "text": FAILOVER[0]},
        {"type": "event", "name": "playUrl", "activityParams": {"playUrlUrl": FAILOVER[1]}},
    ],
    "a transfer": [
        {"type": "message", "text": FAILOVER[0]},
        {
            "type": "event",
            "name": "transfer",
            "activityParams": {"transferTarget": "tel:+15550111"},
        },
    ],
}
VERDICTS = [
    activities.event("machineDetection", value={"detected": detected})
    for detected in ("human", "machine")
]
BOT_EVENTS = [
    "dialoutInitiated",
    "speechHypothesis",
    "voiceDetected",
    "silenceDetected",
    "playFinished",
]


def sent(*content: Activity) -> steering.Activities:
    """What a client of the API has done in the bot's place."""
    return steering.Activities(activities=content)


LAST_ACTS: list[steering.Steering] = [
    steering.HangUp(),
    sent(activities.event("hangup")),
    sent(activities.message(A_PERSON), activities.event("hangup")),
    sent(NOTIFIED),
]
ACTS: list[steering.Steering] = [
    steering.Say(text=A_PERSON),
    steering.Say(text=A_PERSON, interrupt=True),
    steering.Say(text=" "),
    steering.Message(text="Offer a refund."),
    steering.Mute(on=True),
    steering.Mute(on=False),
    steering.SetParameter(name="bargeIn", value=None),
    steering.SetParameter(name="bargeIn", value="perhaps"),
    steering.Transfer(target="tel:+15550123"),
    sent(activities.message(A_PERSON)),
    sent(activities.event("abortPrompts"), activities.message(A_PERSON)),
    sent(activities.message(A_PERSON), activities.event("sendDtmf", value="1")),
    sent(activities.event("playUrl", activity_params={"playUrlUrl": A_FILE_OF_A_CLIENT})),
    sent(activities.event("config", session_params={"language": "de-DE", "nonsense": 1})),
    sent(activities.message(A_PERSON), activities.event("dance")),
    steering.ControlAgent(message={"type": "UpdatePrompt", "prompt": "Be brief."}),
]
"""What a supervisor may do without ending the call at once."""
