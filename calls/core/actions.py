"""What the bot wants done beside speaking: digits, metadata, recording (6.4, 6.7, 6.13.2)."""

from collections import deque

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.params.sections.call_recording import CallRecording
from bots.core.params.sections.metadata import MetaData
from calls.core import commands, recording, vocabulary
from calls.core.outbox import Outbox
from calls.core.recording import Recording, RecordingState
from calls.core.scopes import Scopes

MAX_KEPT = 100
"""Activities kept for a voice side that takes none yet; the oldest go first."""
MAX_RECORDINGS = 100
"""Recording sessions of one call."""
MAX_RECORDING_ID_CHARACTERS = 200


class Actions:
    """Carries out one action after another, each when its turn in the queue has come."""

    def __init__(self, params: Scopes, out: Outbox) -> None:
        self.meta_data_url = ""
        """Where metadata is posted, its placeholders filled; empty: the voice side takes it."""
        self._params = params
        self._out = out
        self._recording = Recording()
        self._conversation_id = ""
        self._kept: deque[Activity] | None = deque(maxlen=MAX_KEPT)
        """For a voice side that takes nothing before the call is answered; None: it is."""

    @property
    def recordings(self) -> tuple[str, ...]:
        """The ids of the call's recording sessions."""
        return self._recording.ids

    def connected(self) -> None:
        """The call was answered: the voice side takes what was kept for it."""
        kept, self._kept = self._kept, None
        for activity in kept or ():
            self.tell_voice_side(activity)

    def tell_voice_side(self, activity: Activity) -> None:
        """Hand ``activity`` over as soon as the call is answered."""
        if self._kept is None:
            self._out.emit(commands.SendToVoiceSide(activity))
        else:
            self._kept.append(activity)

    def begin(self, fields: Json, now: float) -> None:
        """The call has begun with these start attributes."""
        self._conversation_id = str(fields.get("vaigConversationId") or "")
        if self._params[CallRecording].auto_call_recording:
            self.perform(activities.event("startCallRecording"), now)

    def perform(self, activity: Activity, now: float) -> bool:
        """Do it; False when the event is none of those that are done here."""
        match activity.event:
            case "senddtmf":
                self._send_digits(activity, now)
            case "sendmetadata":
                self._send_metadata(activity, now)
            case event if event in recording.EVENTS:
                self._record(activity, now)
            case _:
                return False
        return True

    def _send_digits(self, activity: Activity, now: float) -> None:
        digits = vocabulary.digits_to_send(activity)
        if digits is None:
            problem = "without 1 to 20 dtmfDigits of 0-9, * and #"
            self._out.note(now, f"The bot asked for sendDtmf {problem}; ignored")
            return
        self._out.note(now, f"Digits {digits} were sent")
        sent = activities.event("sendDtmf", activity_params={"dtmfDigits": digits})
        self.tell_voice_side(sent)

    def _send_metadata(self, activity: Activity, now: float) -> None:
        metadata = vocabulary.metadata(activity)
        if metadata is None:
            self._out.note(now, "The bot sent sendMetaData without a value; ignored")
            return
        params = self._params[MetaData]
        if self.meta_data_url:
            timeout_ms = params.send_meta_data_timeout_ms
            post = commands.PostMetaData(
                url=self.meta_data_url, metadata=metadata, timeout_ms=timeout_ms
            )
            self._out.emit(post)
        if not self.meta_data_url or params.send_metadata_as_sip_info:
            self.tell_voice_side(activities.event("sendMetaData", value=metadata))

    def _record(self, activity: Activity, now: float) -> None:
        event, before = activity.event, self._recording.state
        if before is RecordingState.OFF and len(self._recording.ids) == MAX_RECORDINGS:
            reason = f"the call was recorded {MAX_RECORDINGS} times"
            self._out.note(now, f"The bot sent {activity.name}, but {reason}; ignored")
            return
        if not self._recording.step(event):
            self._out.note(now, f"The bot sent {activity.name}, but {before}; ignored")
            return
        arguments = dict(activity.activity_params or {})
        note = f"From here on {self._recording.state}"
        if before is RecordingState.OFF:
            arguments = self._destination() | arguments
            wanted = str(arguments.get("callRecordingId") or "")
            recording_id = wanted[:MAX_RECORDING_ID_CHARACTERS] or self._new_id()
            arguments["callRecordingId"] = recording_id
            self._recording.begun(recording_id)
            note += f", recording {recording_id}"
        self._out.note(now, note)
        asked = activities.event(activity.name or "", activity_params=arguments or None)
        self.tell_voice_side(asked)

    def _destination(self) -> Json:
        params = self._params[CallRecording]
        configured = {
            "callRecordingServer": params.call_recording_server,
            "callRecordingServerSet": params.call_recording_server_set,
            "callRecordingId": params.call_recording_id,
            "callRecordingDestUsername": params.call_recording_dest_username,
        }
        return {name: value for name, value in configured.items() if value}

    def _new_id(self) -> str:
        return f"{self._conversation_id or 'call'}-{len(self._recording.ids) + 1}"
