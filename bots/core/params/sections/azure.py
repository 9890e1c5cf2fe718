"""Parameters of Microsoft Azure's speech services."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet

_param = partial(Param, levels=BOT_SETTABLE, live=True, needs=Later.AZURE, source="VoiceAI Connect")


class Azure(ParamSet):
    """Microsoft Azure speech services (product description 6.3.3, 6.3.11)."""

    SECTION: ClassVar[str] = "Azure speech"

    azure_speech_recognition_mode: Annotated[
        Literal["conversation", "dictation", "interactive"], _param(help="How people talk.")
    ] = Field("conversation", alias="azureSpeechRecognitionMode")
    azure_enable_audio_logging: Annotated[
        bool, _param(help="Azure records the caller's utterances and keeps them.")
    ] = Field(default=False, alias="azureEnableAudioLogging")
    tts_deployment_id: Annotated[str, _param(help="Deployment of a custom neural voice.")] = Field(
        "", alias="ttsDeploymentId", max_length=200
    )
