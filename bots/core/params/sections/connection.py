"""How a bot framework or a speech service is reached."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from bots.core.params.declare import Later, Param, ParamSet

_param = partial(Param, source="VoiceAI Connect")
_speech = partial(_param, needs=Later.SPEECH_BY_URL)


class Connection(ParamSet):
    """Addresses and transport of bot frameworks and speech services, usually set in a provider."""

    SECTION: ClassVar[str] = "Connection"

    bot_host: Annotated[
        str, _param(help="Host of Direct Line in place of the usual one.", needs=Later.DIRECT_LINE)
    ] = Field("", alias="botHost", max_length=500)
    bot_secret: Annotated[
        SecretStr, _param(help="Direct Line secret.", needs=Later.DIRECT_LINE, secret=True)
    ] = Field(SecretStr(""), alias="botSecret", max_length=2000)
    region: Annotated[
        str, _param(help="Region of the speech service, such as westeurope.", needs=Later.AZURE)
    ] = Field("", alias="region", max_length=100)
    stt_prefer_wave: Annotated[
        bool, _speech(help="Send the recogniser WAV in place of raw audio.")
    ] = Field(default=False, alias="sttPreferWave")
    tts_prefer_wave: Annotated[
        bool, _speech(help="Ask the synthesiser for WAV in place of raw audio.")
    ] = Field(default=False, alias="ttsPreferWave")
    stt_allow_self_signed_cert: Annotated[
        bool, _speech(help="Do not verify the recogniser's certificate.")
    ] = Field(default=False, alias="sttAllowSelfSignedCert")
    tts_allow_self_signed_cert: Annotated[
        bool, _speech(help="Do not verify the synthesiser's certificate.")
    ] = Field(default=False, alias="ttsAllowSelfSignedCert")
