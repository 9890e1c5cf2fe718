"""The parameter catalogue of the gateway: one file per section.

`COMMON` are the sections that every bot has, whatever providers it uses: a bot may send any of
their parameters at any time. A plug-in adds its own, or takes one of these as its own.
"""

from bots.core.params.declare import ParamSet
from bots.core.params.sections.agent_assist import AgentAssist
from bots.core.params.sections.audio_files import AudioFiles
from bots.core.params.sections.aws import Aws
from bots.core.params.sections.azure import Azure
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.bot_events import BotEvents
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.call_recording import CallRecording
from bots.core.params.sections.connection import Connection
from bots.core.params.sections.continuous_asr import ContinuousAsr
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.failover import Failover
from bots.core.params.sections.google import Google
from bots.core.params.sections.machine_detection import MachineDetection
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.core.params.sections.provider_groups import ProviderGroups
from bots.core.params.sections.speaker_verification import SpeakerVerification
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.storage import Storage
from bots.core.params.sections.timeouts import Timeouts
from bots.core.params.sections.webhooks import Webhooks

COMMON: tuple[type[ParamSet], ...] = (
    CallInitiation,
    Speech,
    ContinuousAsr,
    BargeIn,
    Dtmf,
    Timeouts,
    BotEvents,
    AudioFiles,
    CallControl,
    OutboundCalls,
    MachineDetection,
    Failover,
    CallRecording,
    MetaData,
    Webhooks,
    Storage,
    Connection,
    ProviderGroups,
    Azure,
    Google,
    Aws,
    SpeakerVerification,
    AgentAssist,
)
