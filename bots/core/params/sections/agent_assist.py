"""A bot that helps in a conversation between people."""

from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet, Part

_param = partial(
    Param, levels=BOT_SETTABLE, live=True, needs=Later.AGENT_ASSIST, source="VoiceAI Connect"
)
_Participant = Annotated[str, Field(min_length=1, max_length=100)]
_Gain = Annotated[float, Field(ge=-32, le=32)]


class PlayerTarget(Part):
    """Who hears a player, how loud (dB; -32 is mute) and whether they may interrupt it."""

    participant: _Participant
    gain_db: _Gain = 0
    barge_in: bool = False


class Player(Part):
    """A voice of the bot and who hears it."""

    player: str = Field(min_length=1, max_length=100)
    targets: tuple[PlayerTarget, ...] = Field(max_length=20)


class CrossParticipant(Part):
    """How loud (dB; -32 is mute) one participant hears another."""

    from_: str = Field(alias="from", min_length=1, max_length=100)
    to: _Participant
    gain_db: _Gain = 0


class AgentAssist(ParamSet):
    """Who hears whom (VoiceAI Connect, "Agent assist"; product description 6.12)."""

    SECTION: ClassVar[str] = "Agent assist"

    target_participant: Annotated[
        str, _param(help="Whose speech startRecognition and stopRecognition are about.")
    ] = Field("", alias="targetParticipant", max_length=100)
    player_settings: Annotated[
        tuple[Player, ...],
        _param(help="The bot's voices, at most two: `player` and `targets`."),
    ] = Field((), alias="playerSettings", max_length=2)
    cross_participant_setting: Annotated[
        tuple[CrossParticipant, ...],
        _param(help="How loud the participants hear each other: `from`, `to`, `gainDb`."),
    ] = Field((), alias="crossParticipantSetting", max_length=100)
    participant_settings: Annotated[
        tuple[dict[str, Any], ...],
        _param(help="Parameters for one `participant` each, such as sttLanguage."),
    ] = Field((), alias="participantSettings", max_length=20)
