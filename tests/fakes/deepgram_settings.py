"""What a strict reader of the documented Voice Agent protocol takes from a client.

These forms are written from Deepgram's published description and share nothing with the gateway's
own: a field the gateway misnames is refused here.

Source: https://developers.deepgram.com/reference/voice-agent/voice-agent and
https://developers.deepgram.com/docs/voice-agent-settings (July 2026).
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

T = TypeVar("T")

PROMPT_CHARACTERS = 25_000
"""A prompt of a managed model is cut here, with a warning."""


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
    eot_timeout_ms: Annotated[int, msgspec.Meta(ge=500)] | None = None


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


def several(given: T | list[T] | None) -> list[T]:
    """A block that may be one, an ordered list or absent, as a list."""
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
