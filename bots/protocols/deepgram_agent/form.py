"""What a Voice Agent is set up with: checked as strictly as the server does, sent as it was set.

The server refuses fields that it does not know, and numbers with a fraction where it wants whole
ones; a call should not be the first to find out. Models, voices and languages are not checked: new
ones come every month. What is not set is not sent.

Keys of other services never stand here. An ``endpoint`` or ``credentials`` that needs them is one
of the provider's secrets, and named by its name.

Source: Deepgram "Configure the Voice Agent", section `Settings` of the API description.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from bots.core.activities import Json

VARIABLES = ("caller", "callee", "conversationId", "bot", "language")
"""What a text can have filled in, as ``${caller}``."""
MAX_PROMPT = 100_000
VARIABLE = re.compile(r"\$\{ *([A-Za-z][A-Za-z0-9_]*) *\}")
"""A place for one of them."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Words = Annotated[tuple[str, ...], Field(strict=False, max_length=500)]


def unknown_variables(text: str, known: tuple[str, ...] = VARIABLES) -> list[str]:
    """Names in ``${…}`` that nothing is filled in for."""
    return [name for name in dict.fromkeys(VARIABLE.findall(text)) if name not in known]


def _known_variables(text: str) -> str:
    if unknown := unknown_variables(text):
        known = ", ".join(f"${{{name}}}" for name in VARIABLES)
        raise ValueError(f"knows no ${{{unknown[0]}}}; there are {known}")
    return text


Template = Annotated[str, AfterValidator(_known_variables)]
"""Text in which ``${caller}`` and the other `VARIABLES` are filled in."""


def _secret_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be the name of one of the provider's secrets")
    return value


SecretName = Annotated[str, AfterValidator(_secret_name)]


def _shape(value: object) -> str:
    """Which of several forms ``value`` has, so that only what is wrong with that one is told.

    In angle brackets, for it is no field: whoever tells where an error is leaves it out.
    """
    match value:
        case str():
            return "<name>"
        case list() | tuple():
            return "<list>"
        case _:
            return "<object>"


class Part(BaseModel):
    """An object of the settings, with the names of the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def sent(self) -> Json:
        """What was set, as it is sent."""
        return self.model_dump(mode="json", exclude_unset=True)


def _told_in_words(pattern: str, words: str) -> Callable[[str], str]:
    """Refuses what does not match ``pattern`` with ``words``."""
    known = re.compile(pattern)

    def check(value: str) -> str:
        if not known.fullmatch(value):
            raise ValueError(words)
        return value

    return check


class Endpoint(Part):
    """An address without keys; one with ``headers`` is kept as a secret."""

    url: Annotated[
        str,
        AfterValidator(
            _told_in_words(
                r"(https|wss)://[^\s@]+",
                "must be an https or wss URL without user name and password",
            )
        ),
    ] = Field(max_length=2000)

    @model_validator(mode="before")
    @classmethod
    def _without_keys(cls, value: object) -> object:
        if isinstance(value, dict) and "headers" in value:
            raise ValueError(
                "headers may hold keys: keep the endpoint in deepgramSecrets of the provider, and "
                "write its name here"
            )
        return value


EndpointOrName = Annotated[
    Annotated[Endpoint, Tag("<object>")] | Annotated[SecretName, Tag("<name>")],
    Discriminator(_shape),
]


class ListenProvider(Part):
    """Recognition: version 1 (Nova) or 2 (Flux), each with the fields of its own."""

    type: Literal["deepgram"]
    version: Literal["v1", "v2"] | None = None
    model: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=50)
    keyterms: Words | None = None
    smart_format: bool | None = None
    language_hints: Words | None = None
    eot_threshold: float | None = Field(None, ge=0.5, le=1.0)
    eager_eot_threshold: float | None = Field(None, ge=0.3, le=0.9)
    eot_timeout_ms: int | None = Field(None, ge=500, le=60_000)

    @model_validator(mode="after")
    def _of_one_version(self) -> "ListenProvider":
        version = self.version or ("v2" if (self.model or "").startswith("flux") else "v1")
        foreign = self.model_fields_set & _ONLY[version]
        if foreign:
            raise ValueError(f"{min(foreign)} is not for models of version {version}")
        return self


_ONLY = {
    "v1": frozenset({"language_hints", "eot_threshold", "eager_eot_threshold", "eot_timeout_ms"}),
    "v2": frozenset({"language", "smart_format"}),
}
"""What a version does not take."""


class Listen(Part):
    """How the caller is heard."""

    provider: ListenProvider


class ThinkProvider(Part):
    """A language model."""

    type: Literal["open_ai", "anthropic", "google", "groq", "aws_bedrock", "nvidia"]
    version: str | None = Field(None, max_length=50)
    model: str = Field(min_length=1, max_length=200)
    temperature: float | None = Field(None, ge=0, le=2)
    reasoning_mode: Literal["none", "minimal", "low", "medium", "high"] | None = None
    credentials: SecretName | None = None


class FunctionEndpoint(Endpoint):
    """Where the server itself calls a function."""

    method: str | None = Field(None, pattern="^(GET|POST|PUT|PATCH|DELETE)$")


class Function(Part):
    """Something the agent may have done; without ``endpoint`` it is asked of us."""

    name: Annotated[
        str,
        AfterValidator(
            _told_in_words(
                _NAME.pattern, "must be 1 to 64 letters, digits, - and _, without spaces"
            )
        ),
    ]
    description: str | None = Field(None, max_length=10_000)
    parameters: dict[str, Any] | None = None
    endpoint: (
        Annotated[
            Annotated[FunctionEndpoint, Tag("<object>")] | Annotated[SecretName, Tag("<name>")],
            Discriminator(_shape),
        ]
        | None
    ) = None
    defer_until_eot: bool | None = None


Functions = Annotated[tuple[Function, ...], Field(strict=False, max_length=100)]

_NEED_ENDPOINT = frozenset({"groq", "aws_bedrock"})


class Think(Part):
    """A language model with its instructions and functions."""

    provider: ThinkProvider
    endpoint: EndpointOrName | None = None
    functions: Functions | None = None
    prompt: Template | None = Field(None, max_length=MAX_PROMPT)
    context_length: Annotated[int, Field(ge=1)] | Literal["max"] | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "Think":
        if self.provider.type in _NEED_ENDPOINT and self.endpoint is None:
            raise ValueError(f"{self.provider.type} needs an endpoint")
        if self.context_length is not None and self.endpoint is None:
            raise ValueError("context_length is for an endpoint of your own only")
        return self


class CartesiaVoice(Part):
    """A voice of Cartesia."""

    mode: str = Field(max_length=50)
    id: str = Field(max_length=200)


class DeepgramVoice(Part):
    """Aura (version 1) or Flux (version 2)."""

    type: Literal["deepgram"]
    model: str = Field(min_length=1, max_length=200)
    version: Literal["v1", "v2"] | None = None
    speed: float | None = Field(None, ge=0.7, le=1.5)


class ElevenLabsVoice(Part):
    """ElevenLabs; the voice is part of the endpoint's address."""

    type: Literal["eleven_labs"]
    model_id: str = Field(min_length=1, max_length=200)
    version: str | None = Field(None, max_length=50)
    language: str | None = Field(None, max_length=50)
    language_code: str | None = Field(None, max_length=50)


class CartesiaSpeech(Part):
    """Cartesia."""

    type: Literal["cartesia"]
    model_id: str = Field(min_length=1, max_length=200)
    voice: CartesiaVoice
    version: str | None = Field(None, max_length=50)
    language: str | None = Field(None, max_length=50)
    volume: float | None = Field(None, ge=0.5, le=2.0)


class OpenAiVoice(Part):
    """OpenAI."""

    type: Literal["open_ai"]
    model: str = Field(min_length=1, max_length=200)
    voice: str = Field(min_length=1, max_length=200)
    version: str | None = Field(None, max_length=50)


class PollyVoice(Part):
    """AWS Polly."""

    type: Literal["aws_polly"]
    voice: str = Field(min_length=1, max_length=200)
    language: str | None = Field(None, max_length=50)
    language_code: str | None = Field(None, max_length=50)
    engine: Literal["generative", "long-form", "standard", "neural"]
    credentials: SecretName


class Speak(Part):
    """A voice."""

    provider: Annotated[
        DeepgramVoice | ElevenLabsVoice | CartesiaSpeech | OpenAiVoice | PollyVoice,
        Field(discriminator="type"),
    ]
    endpoint: EndpointOrName | None = None

    @model_validator(mode="after")
    def _reachable(self) -> "Speak":
        if self.provider.type != "deepgram" and self.endpoint is None:
            raise ValueError(f"{self.provider.type} needs an endpoint")
        return self


Thinks = Annotated[tuple[Think, ...], Field(strict=False, max_length=10)]
Speaks = Annotated[tuple[Speak, ...], Field(strict=False, max_length=10)]
OneOrMoreThinks = Annotated[
    Annotated[Think, Tag("<object>")] | Annotated[Thinks, Tag("<list>")], Discriminator(_shape)
]
OneOrMoreSpeaks = Annotated[
    Annotated[Speak, Tag("<object>")] | Annotated[Speaks, Tag("<list>")], Discriminator(_shape)
]


class HistoryEntry(Part):
    """What was said before, for an agent that takes up a talk."""

    type: Literal["History"]
    role: Literal["user", "assistant"] | None = None
    content: str | None = None
    function_calls: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] | None = None


class Context(Part):
    """An earlier talk."""

    messages: Annotated[tuple[HistoryEntry, ...], Field(strict=False, max_length=1000)] = ()


class Agent(Part):
    """The agent itself."""

    language: str | None = Field(None, max_length=50)
    context: Context | None = None
    listen: Listen | None = None
    think: OneOrMoreThinks | None = None
    speak: OneOrMoreSpeaks | None = None
    greeting: Template | None = Field(None, max_length=10_000)


class Flags(Part):
    """What the server reports beside the talk."""

    history: bool | None = None


StoredAgent = Annotated[
    str,
    AfterValidator(
        _told_in_words(
            "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
            "must be an object, or the id (UUID) of an agent that is stored at Deepgram",
        )
    ),
]
"""Id of an agent that is configured at Deepgram."""


class WholeSettings(Part):
    """The message ``Settings`` as somebody writes it down; the gateway adds ``audio``."""

    type: Literal["Settings"] | None = None
    tags: Annotated[tuple[Template, ...], Field(strict=False, max_length=50)] | None = None
    experimental: bool | None = None
    flags: Flags | None = None
    mip_opt_out: bool | None = None
    agent: Annotated[
        Annotated[Agent, Tag("<object>")] | Annotated[StoredAgent, Tag("<name>")],
        Discriminator(_shape),
    ]

    @model_validator(mode="before")
    @classmethod
    def _without_audio(cls, value: object) -> object:
        if isinstance(value, dict) and "audio" in value:
            raise ValueError("leave audio out: the gateway adds it, as the voice side needs it")
        return value
