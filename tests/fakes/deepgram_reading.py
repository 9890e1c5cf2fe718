"""Reads what clients of a Voice Agent send, and refuses what the documents do not allow.

Source: as `tests.fakes.deepgram_settings`, which holds the forms.
"""

import msgspec

from bots.core.audio import AudioFormat
from tests.fakes.deepgram_settings import (
    AgentSettings,
    AudioIn,
    AudioOut,
    DeepgramVoice,
    ElevenLabsVoice,
    ListenProvider,
    Message,
    Settings,
    Speak,
    Think,
    UpdateListen,
    UpdateSpeak,
    UpdateThink,
    several,
)


class Refused(Exception):
    """A message that the service ends the session for; ``code`` is that of its ``Error``."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(f"{code}: {description}")


_messages: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_settings = msgspec.json.Decoder(Settings)


def read_settings(frame: str) -> Settings:
    """The settings in ``frame``.

    Raises:
        Refused: `INVALID_SETTINGS`, with the path of what is wrong.
    """
    try:
        settings = _settings.decode(frame)
    except msgspec.DecodeError as error:
        raise Refused("INVALID_SETTINGS", str(error)) from None
    for problem in _problems(settings):
        raise Refused("INVALID_SETTINGS", problem)
    return settings


def read_message(frame: str) -> Message:
    """Any message but the settings.

    Raises:
        Refused: `UNPARSABLE_CLIENT_MESSAGE`; a fault inside a think, speak or listen block is
            `INVALID_SETTINGS`.
    """
    try:
        message = _messages.decode(frame)
    except msgspec.DecodeError as error:
        raise Refused("UNPARSABLE_CLIENT_MESSAGE", str(error)) from None
    problems: list[str] = []
    if isinstance(message, UpdateThink):
        problems = [each for think in several(message.think) for each in _think(think)]
    elif isinstance(message, UpdateSpeak):
        problems = [each for speak in several(message.speak) for each in _speak(speak)]
    elif isinstance(message, UpdateListen):
        problems = _listen(message.listen.provider)
    for problem in problems:
        raise Refused("INVALID_SETTINGS", problem)
    return message


def format_of(block: AudioIn | AudioOut) -> AudioFormat:
    """The format that a declared block of audio names.

    Raises:
        Refused: this stand-in can neither hear nor speak it.
    """
    match block.encoding:
        case "linear16":
            return AudioFormat("lpcm16", block.sample_rate)
        case "mulaw":
            return AudioFormat("mulaw", block.sample_rate)
        case other:
            raise Refused("INVALID_SETTINGS", f"this fake knows no audio in {other}")


# --- rules that no single field can state


def _problems(settings: Settings) -> list[str]:
    agent = settings.inline
    problems = _audio_out(settings.audio.output)
    if isinstance(settings.agent, AgentSettings):
        problems += [each for think in several(agent.think) for each in _think(think)]
        problems += [each for speak in several(agent.speak) for each in _speak(speak)]
    if agent.listen is not None:
        problems += _listen(agent.listen.provider)
    for past in agent.context.messages if agent.context else []:
        said = past.role is not None and past.content is not None
        if said == (past.function_calls is not None):
            problems.append("context.messages: role and content, or function_calls")
    return problems


def _audio_out(output: AudioOut) -> list[str]:
    problems = []
    raw = output.encoding in ("linear16", "mulaw", "alaw")
    if raw and output.bitrate is not None:
        problems.append(f"audio.output.bitrate: not with {output.encoding}")
    if output.container == "wav" and not raw:
        problems.append(f"audio.output.container: wav does not hold {output.encoding}")
    if output.container == "ogg" and output.encoding != "opus":
        problems.append(f"audio.output.container: ogg does not hold {output.encoding}")
    return problems


def _listen(provider: ListenProvider) -> list[str]:
    flux = provider.model.startswith("flux")
    if flux and provider.version != "v2":
        return ["listen.provider.version: a Flux model needs v2"]
    if provider.version == "v2":
        problems = [] if flux else ["listen.provider.model: v2 needs a Flux model"]
        if provider.language or provider.smart_format is not None:
            problems.append("listen.provider: language and smart_format are of v1")
        if provider.language_hints is not None and provider.model != "flux-general-multi":
            problems.append("listen.provider.language_hints: only with flux-general-multi")
        return problems
    turns = (provider.eot_threshold, provider.eager_eot_threshold, provider.eot_timeout_ms)
    if provider.language_hints is not None or any(each is not None for each in turns):
        return ["listen.provider: thresholds and language_hints are of v2"]
    return []


def _think(think: Think) -> list[str]:
    provider = think.provider
    problems = []
    if provider.type in ("groq", "aws_bedrock") and think.endpoint is None:
        problems.append(f"think.endpoint: {provider.type} needs one")
    if provider.type == "anthropic" and (provider.temperature or 0) > 1:
        problems.append("think.provider.temperature: at most 1 with anthropic")
    if (provider.type == "aws_bedrock") != (provider.credentials is not None):
        problems.append("think.provider.credentials: with aws_bedrock, and only there")
    if provider.reasoning_mode is not None and provider.type not in ("open_ai", "groq"):
        problems.append("think.provider.reasoning_mode: only with open_ai and groq")
    if think.context_length is not None and think.endpoint is None:
        problems.append("think.context_length: only with an endpoint")
    names = [each.name for each in think.functions]
    if len(set(names)) != len(names):
        problems.append("think.functions: a name twice")
    return problems


def _speak(speak: Speak) -> list[str]:
    provider = speak.provider
    if not isinstance(provider, DeepgramVoice) and speak.endpoint is None:
        return ["speak.endpoint: all but deepgram need one"]
    if isinstance(provider, DeepgramVoice):
        flux = provider.model.startswith("flux-")
        if flux != (provider.version == "v2"):
            return ["speak.provider.version: v2 with Flux voices, and only there"]
        return []
    url = speak.endpoint.url if speak.endpoint else ""
    elevenlabs = isinstance(provider, ElevenLabsVoice)
    if not url.startswith(("https://", "wss://") if elevenlabs else "https://"):
        return ["speak.endpoint.url: https, or wss with eleven_labs"]
    if elevenlabs and ("output_format" in url or "model_id" in url):
        return ["speak.endpoint.url: neither output_format nor model_id"]
    return []
