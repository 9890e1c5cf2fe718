"""What a strict reader of the documented Voice Agent protocol takes from a client.

These forms are written from Deepgram's published description and share nothing with the gateway's
own: a field the gateway misnames is refused here.

Source: https://developers.deepgram.com/reference/voice-agent/voice-agent and
https://developers.deepgram.com/docs/voice-agent-settings (July 2026).
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from bots.core.audio import AudioFormat

T = TypeVar("T")

PROMPT_CHARACTERS = 25_000
"""A prompt of a managed model is cut here, with a warning."""


class Refused(Exception):
    """A message that the service ends the session for; ``code`` is that of its ``Error``."""

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        self.description = description
        super().__init__(f"{code}: {description}")


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form without room for fields it does not name."""


# --- audio


class AudioIn(Strict, frozen=True, kw_only=True):
    encoding: Literal[
        "linear16",
        "linear32",
        "flac",
        "alaw",
        "mulaw",
        "amr-nb",
        "amr-wb",
        "opus",
        "ogg-opus",
        "speex",
        "g729",
    ]
    sample_rate: Annotated[int, msgspec.Meta(ge=8000, le=48000)]


class AudioOut(Strict, frozen=True, kw_only=True):
    encoding: Literal["linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac"] = "linear16"
    sample_rate: Annotated[int, msgspec.Meta(ge=8000, le=48000)] = 24000
    bitrate: int | None = None
    container: Literal["none", "wav", "ogg"] = "none"


class Audio(Strict, frozen=True, kw_only=True):
    input: AudioIn = msgspec.field(
        default_factory=lambda: AudioIn(encoding="linear16", sample_rate=24000)
    )
    output: AudioOut = AudioOut()


# --- listen, think, speak


class Endpoint(Strict, frozen=True, kw_only=True):
    url: str
    headers: dict[str, str] = {}


class ListenProvider(Strict, frozen=True, kw_only=True):
    type: Literal["deepgram"]
    version: Literal["v1", "v2"] = "v1"
    model: str = ""
    language: str = ""
    keyterms: list[str] = []
    smart_format: bool | None = None
    language_hints: list[str] | None = None
    eot_threshold: Annotated[float, msgspec.Meta(ge=0.5, le=1.0)] | None = None
    eager_eot_threshold: Annotated[float, msgspec.Meta(ge=0.3, le=0.9)] | None = None
    eot_timeout_ms: Annotated[int, msgspec.Meta(ge=500, le=10_000)] | None = None


class Listen(Strict, frozen=True, kw_only=True):
    provider: ListenProvider


class AwsCredentials(Strict, frozen=True, kw_only=True):
    type: Literal["sts", "iam"]
    region: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""


class ThinkProvider(Strict, frozen=True, kw_only=True):
    type: Literal["open_ai", "anthropic", "google", "groq", "aws_bedrock", "nvidia"]
    model: str
    version: Literal["v1", "v1beta"] = "v1"
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    reasoning_mode: Literal["none", "minimal", "low", "medium", "high"] | None = None
    credentials: AwsCredentials | None = None


class FunctionEndpoint(Strict, frozen=True, kw_only=True):
    url: str
    method: str = "post"
    headers: dict[str, str] = {}


class Function(Strict, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, Any] = {}
    endpoint: FunctionEndpoint | None = None
    defer_until_eot: bool = False


class Think(Strict, frozen=True, kw_only=True):
    provider: ThinkProvider
    endpoint: Endpoint | None = None
    functions: list[Function] = []
    prompt: str = ""
    context_length: int | Literal["max"] | None = None


class DeepgramVoice(Strict, frozen=True, kw_only=True, tag_field="type", tag="deepgram"):
    model: str
    version: Literal["v1", "v2"] = "v1"
    speed: Annotated[float, msgspec.Meta(ge=0.7, le=1.5)] | None = None


class ElevenLabsVoice(Strict, frozen=True, kw_only=True, tag_field="type", tag="eleven_labs"):
    model_id: str
    version: str = ""
    language: str = ""
    language_code: str = ""


class CartesiaVoice(Strict, frozen=True, kw_only=True, tag_field="type", tag="cartesia"):
    class Voice(Strict, frozen=True, kw_only=True):
        mode: str
        id: str

    model_id: str
    voice: Voice
    version: str = ""
    language: str = ""
    volume: Annotated[float, msgspec.Meta(ge=0.5, le=2)] | None = None


class OpenAiVoice(Strict, frozen=True, kw_only=True, tag_field="type", tag="open_ai"):
    model: str
    voice: str
    version: str = ""


class PollyVoice(Strict, frozen=True, kw_only=True, tag_field="type", tag="aws_polly"):
    voice: str
    engine: Literal["generative", "long-form", "standard", "neural"]
    credentials: AwsCredentials
    language: str = ""
    language_code: str = ""


class Speak(Strict, frozen=True, kw_only=True):
    provider: DeepgramVoice | ElevenLabsVoice | CartesiaVoice | OpenAiVoice | PollyVoice
    endpoint: Endpoint | None = None


# --- the agent


class PastCall(Strict, frozen=True, kw_only=True):
    id: str
    name: str
    client_side: bool
    arguments: str
    response: str
    thought_signature: str = ""


class Past(Strict, frozen=True, kw_only=True):
    """An entry of the talk before: what somebody said, or what functions answered."""

    type: Literal["History"]
    role: Literal["user", "assistant"] | None = None
    content: str | None = None
    function_calls: list[PastCall] | None = None


class Context(Strict, frozen=True, kw_only=True):
    messages: list[Past] = []


class AgentSettings(Strict, frozen=True, kw_only=True):
    language: str = "en"
    context: Context | None = None
    listen: Listen | None = None
    think: Think | list[Think] | None = None
    speak: Speak | list[Speak] | None = None
    greeting: str = ""


class Flags(Strict, frozen=True, kw_only=True):
    history: bool = True


class Settings(Strict, frozen=True, kw_only=True):
    type: Literal["Settings"]
    audio: Audio
    agent: AgentSettings | str
    tags: list[str] = []
    experimental: bool = False
    flags: Flags = Flags()
    mip_opt_out: bool = False

    @property
    def inline(self) -> AgentSettings:
        """The agent's settings; those of a stored agent are not the client's to know."""
        return self.agent if isinstance(self.agent, AgentSettings) else AgentSettings()

    @property
    def functions(self) -> list[Function]:
        """The functions of the first model."""
        thinks = several(self.inline.think)
        return thinks[0].functions if thinks else []


# --- the other messages


class UpdateListen(Strict, frozen=True, kw_only=True, tag=True):
    listen: Listen


class UpdateThink(Strict, frozen=True, kw_only=True, tag=True):
    think: Think | list[Think]


class UpdateSpeak(Strict, frozen=True, kw_only=True, tag=True):
    speak: Speak | list[Speak]


class UpdatePrompt(Strict, frozen=True, kw_only=True, tag=True):
    prompt: str


class InjectUserMessage(Strict, frozen=True, kw_only=True, tag=True):
    content: str


class InjectAgentMessage(Strict, frozen=True, kw_only=True, tag=True):
    message: str
    behavior: Literal["default", "queue", "interrupt"] = "default"


class FunctionCallResponse(Strict, frozen=True, kw_only=True, tag=True):
    id: str
    name: str
    content: str


class ForceEndTurn(Strict, frozen=True, kw_only=True, tag=True):
    pass


class KeepAlive(Strict, frozen=True, kw_only=True, tag=True):
    pass


Message = (
    UpdateListen
    | UpdateThink
    | UpdateSpeak
    | UpdatePrompt
    | InjectUserMessage
    | InjectAgentMessage
    | FunctionCallResponse
    | ForceEndTurn
    | KeepAlive
)

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


def several(given: T | list[T] | None) -> list[T]:
    """A block that may be one, an ordered list or absent, as a list."""
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


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
