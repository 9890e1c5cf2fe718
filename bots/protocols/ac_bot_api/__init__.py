"""AudioCodes Bot API in streaming mode, both sides, without I/O and without a clock.

`StreamServer` is the bot's end of one WebSocket, `StreamClient` the gateway's. Both take frames,
return events (`bots.protocols.ac_bot_api.events`) and write the frames to send. `HEALTHY` is the
body that answers a plain HTTP probe of the same URL.
"""

from bots.protocols.ac_bot_api.client import ClientState, StreamClient
from bots.protocols.ac_bot_api.events import (
    Accepted,
    ActivitiesReceived,
    ClientEvent,
    Errored,
    InitiateRequested,
    MarkReached,
    MarkSet,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    Rejected,
    ResumeRequested,
    ServerEvent,
    SessionEnded,
    SpeechCommitted,
    SpeechHypothesis,
    SpeechRecognition,
    SpeechStarted,
    SpeechStopped,
    UserAudio,
    UserStreamClosed,
    UserStreamOpen,
    UserStreamStarted,
    UserStreamStopped,
    Validated,
    ValidateRequested,
)
from bots.protocols.ac_bot_api.media import MediaFormat, choose_format
from bots.protocols.ac_bot_api.server import ServerState, StreamServer

HEALTHY = {"type": "ac-bot-api", "success": True}
"""JSON body of the answer to an HTTP GET or POST on the bot's URL."""

__all__ = [
    "HEALTHY",
    "Accepted",
    "ActivitiesReceived",
    "ClientEvent",
    "ClientState",
    "Errored",
    "InitiateRequested",
    "MarkReached",
    "MarkSet",
    "MediaFormat",
    "PlayAudio",
    "PlayStarted",
    "PlayStopped",
    "Rejected",
    "ResumeRequested",
    "ServerEvent",
    "ServerState",
    "SessionEnded",
    "SpeechCommitted",
    "SpeechHypothesis",
    "SpeechRecognition",
    "SpeechStarted",
    "SpeechStopped",
    "StreamClient",
    "StreamServer",
    "UserAudio",
    "UserStreamClosed",
    "UserStreamOpen",
    "UserStreamStarted",
    "UserStreamStopped",
    "ValidateRequested",
    "Validated",
    "choose_format",
]
