"""What is configured of a Deepgram voice agent."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from bots.core.activities import Json
from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet
from bots.core.params.problems import sentence
from bots.core.texts import gettext_noop
from bots.functions import ToolParams
from bots.protocols.deepgram_agent.form import (
    MAX_PROMPT,
    VARIABLES,
    Functions,
    Speak,
    Speaks,
    Template,
    Think,
    Thinks,
    WholeSettings,
    unknown_variables,
)

CONVERSE = "wss://agent.deepgram.com/v1/agent/converse"
_ADDRESS = re.compile(r"(wss?|https?)://[^\s/?#@\\]+([/?#][^\s\\]*)?", re.I | re.A)
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.I | re.A)
_TARGET = re.compile(r"[^\x00-\x20\x7f]{1,500}")
_TARGET_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VISIBLE = re.compile(r"[\x21-\x7e]*")
_UNSET = "; 0: not sent"
_THINK = Think.model_validate({"provider": {"type": "open_ai", "model": "gpt-4o-mini"}})
_SPEAK = Speak.model_validate({"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}})
_whole = partial(Param, needs=gettext_noop("no deepgramSettings and no deepgramAgentId"))

GatewayFunction = Literal["hangup", "transfer", "sendDtmf"]


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be a wss or https URL without user name and password")
    return value


def _zero_or(least: float, most: float) -> Callable[[float], float]:
    def check(value: float) -> float:
        if value and not least <= value <= most:
            raise ValueError(f"must be 0 or between {least} and {most}")
        return value

    return check


def _id_or_none(value: str) -> str:
    if value and not _UUID.fullmatch(value):
        raise ValueError("must be the id (UUID) of an agent that is stored at Deepgram")
    return value


def _some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("must have 1 or more entries")
    return value


def _targets(value: dict[str, str]) -> dict[str, str]:
    for name, target in value.items():
        if not _TARGET_NAME.fullmatch(name):
            raise ValueError(f"{name[:64]!r} must be a name of letters, digits, - and _")
        if not _TARGET.fullmatch(target):
            raise ValueError(f"{name} must be a number, sip: or tel: address without spaces")
    return value


def _of_keys(value: str) -> str:
    if unknown := unknown_variables(value, (*VARIABLES, "digits")):
        raise ValueError(f"knows no ${{{unknown[0]}}}")
    return value


def _set(**values: Any) -> Json:
    return {name: value for name, value in values.items() if value}


def _one_or_more(parts: list[Json]) -> Json | list[Json]:
    return parts[0] if len(parts) == 1 else parts


class DeepgramAgentParams(ToolParams):
    """A voice agent of Deepgram: what it hears with, thinks with and speaks with."""

    SECTION: ClassVar[str] = "Deepgram Voice Agent"

    url: Annotated[
        str,
        AfterValidator(_address),
        Param(
            help="Address of the service. In the EU: wss://api.eu.deepgram.com/v1/agent/converse.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(CONVERSE, alias="deepgramUrl", max_length=500)
    concurrency: Annotated[
        int,
        Param(
            help="Calls that one process of the gateway has with this API key at the same time; "
            "the next one fails at once. Deepgram counts them for the whole project.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(45, ge=1, le=10_000, alias="deepgramConcurrency")
    connect_timeout_ms: Annotated[
        int, Param(help="Longest wait until the agent is connected and set up.", unit="ms")
    ] = Field(8000, ge=100, le=15_000, alias="deepgramConnectTimeoutMS")
    prompt: Annotated[
        Template,
        _whole(
            help="Instructions for the language model. Filled in: ${caller}, ${callee}, "
            "${conversationId}, ${bot}, ${language}."
        ),
    ] = Field("", alias="deepgramPrompt", max_length=MAX_PROMPT)
    greeting: Annotated[
        Template,
        _whole(help="What the agent says first, filled in like deepgramPrompt; empty: it waits."),
    ] = Field("", alias="deepgramGreeting", max_length=10_000)
    listen_model: Annotated[
        str, _whole(help="Model that recognises the caller, such as nova-3 or flux-general-en.")
    ] = Field("nova-3", alias="deepgramListenModel", max_length=200)
    listen_version: Annotated[
        Literal["auto", "v1", "v2"],
        _whole(help="Version of the recogniser; auto: v2 for models named flux, else v1."),
    ] = Field("auto", alias="deepgramListenVersion")
    listen_language: Annotated[
        str,
        _whole(help="Language of the caller (BCP 47) or multi, for v1; empty: not sent."),
    ] = Field("", alias="deepgramListenLanguage", max_length=50)
    language_hints: Annotated[
        tuple[str, ...], _whole(help="Languages to expect, for flux-general-multi.")
    ] = Field((), alias="deepgramLanguageHints", max_length=50)
    keyterms: Annotated[
        tuple[str, ...], _whole(help="Words the caller is likely to say, such as product names.")
    ] = Field((), alias="deepgramKeyterms", max_length=500)
    smart_format: Annotated[
        bool, _whole(help="Numbers, dates and the like are written as such, for v1.")
    ] = Field(default=False, alias="deepgramSmartFormat")
    eot_threshold: Annotated[
        float,
        AfterValidator(_zero_or(0.5, 1.0)),
        _whole(help=f"How sure Flux must be that the caller has finished, 0.5 to 1{_UNSET}."),
    ] = Field(0, ge=0, le=1, alias="deepgramEotThreshold")
    eager_eot_threshold: Annotated[
        float,
        AfterValidator(_zero_or(0.3, 0.9)),
        _whole(help=f"From here on Flux has a reply made ready, 0.3 to 0.9{_UNSET}."),
    ] = Field(0, ge=0, le=1, alias="deepgramEagerEotThreshold")
    eot_timeout_ms: Annotated[
        int,
        AfterValidator(_zero_or(500, 60_000)),
        _whole(
            help=f"Silence that ends the caller's turn in any case, for Flux{_UNSET}.", unit="ms"
        ),
    ] = Field(0, ge=0, le=60_000, alias="deepgramEotTimeoutMS")
    think: Annotated[
        Thinks,
        AfterValidator(_some),
        _whole(
            help="Language models, tried in order, each as Deepgram's `think`: provider, endpoint, "
            "context_length. An endpoint that needs keys is a name in deepgramSecrets."
        ),
    ] = Field((_THINK,), alias="deepgramThink")
    functions: Annotated[
        Functions,
        _whole(
            help="What the agent may have done, as Deepgram's `functions`: name, description, "
            "parameters. Those without an endpoint come to agentToolsUrl."
        ),
    ] = Field((), alias="deepgramFunctions")
    speak: Annotated[
        Speaks,
        AfterValidator(_some),
        _whole(help="Voices, tried in order, each as Deepgram's `speak`: provider, endpoint."),
    ] = Field((_SPEAK,), alias="deepgramSpeak")
    tags: Annotated[
        tuple[Template, ...],
        _whole(help="Labels for Deepgram's usage reports, filled in like deepgramPrompt."),
    ] = Field((), alias="deepgramTags", max_length=50)
    mip_opt_out: Annotated[
        bool, _whole(help="Deepgram may not use the calls to improve its models.")
    ] = Field(default=False, alias="deepgramMipOptOut")
    agent_id: Annotated[
        str,
        AfterValidator(_id_or_none),
        Param(
            help="Id of an agent that is stored at Deepgram, in place of all about listening, "
            "thinking and speaking here. It cannot take a talk up after a lost connection."
        ),
    ] = Field("", alias="deepgramAgentId", max_length=36)
    whole: Annotated[
        WholeSettings | None,
        Param(
            help="Deepgram's message Settings as a whole, in place of the parameters above; "
            "without `audio`, which the gateway adds, and without keys."
        ),
    ] = Field(None, alias="deepgramSettings")
    start_message: Annotated[
        Template,
        Param(
            help="Said to the agent in the caller's name when the call begins, filled in like "
            "deepgramPrompt; empty: nothing."
        ),
    ] = Field("", alias="deepgramStartMessage", max_length=2000)
    dtmf_message: Annotated[
        str,
        AfterValidator(_of_keys),
        Param(
            help="Said to the agent when the caller has pressed keys (sendDTMF); ${digits} are the "
            "keys. Empty: nothing."
        ),
    ] = Field("I pressed ${digits} on the keypad.", alias="deepgramDtmfMessage", max_length=2000)
    no_input_message: Annotated[
        Template,
        Param(
            help="Said to the agent when the caller has been silent (userNoInputSendEvent); empty: "
            "nothing."
        ),
    ] = Field("", alias="deepgramNoInputMessage", max_length=2000)
    gateway_functions: Annotated[
        tuple[GatewayFunction, ...],
        Param(
            help="What the agent may do with the call itself.",
            needs=gettext_noop("no deepgramAgentId"),
        ),
    ] = Field((), alias="deepgramGatewayFunctions", max_length=10)
    transfer_targets: Annotated[
        dict[str, str],
        AfterValidator(_targets),
        Param(
            help="Where the agent may transfer to: names and their numbers or addresses. It never "
            "sees those. Without any it can only transfer to transferTarget.",
            needs="deepgramGatewayFunctions",
        ),
    ] = Field({}, alias="deepgramTransferTargets", max_length=50)

    @model_validator(mode="after")
    def _sendable(self) -> "DeepgramAgentParams":
        if self.whole is not None and self.agent_id:
            raise ValueError("deepgramSettings and deepgramAgentId exclude each other")
        try:
            self.settings()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ValueError(sentence(first)) from None
        return self

    def settings(self) -> WholeSettings:
        """What the agent is set up with, as it is written down; what is not set is not in it."""
        if self.whole is not None:
            return self.whole
        agent: Json | str = self.agent_id or {
            "listen": {"provider": self._listen()},
            "think": _one_or_more(self._think()),
            "speak": _one_or_more([each.sent() for each in self.speak]),
            **_set(greeting=self.greeting),
        }
        return WholeSettings.model_validate(
            {"agent": agent, **_set(tags=list(self.tags), mip_opt_out=self.mip_opt_out)}
        )

    def _listen(self) -> Json:
        version = self.listen_version
        if version == "auto":
            version = "v2" if self.listen_model.startswith("flux") else "v1"
        return {
            "type": "deepgram",
            "version": version,
            **_set(
                model=self.listen_model,
                language=self.listen_language,
                language_hints=list(self.language_hints),
                keyterms=list(self.keyterms),
                smart_format=self.smart_format,
                eot_threshold=self.eot_threshold,
                eager_eot_threshold=self.eager_eot_threshold,
                eot_timeout_ms=self.eot_timeout_ms,
            ),
        }

    def _think(self) -> list[Json]:
        """Each language model; those without a prompt or functions of their own have the common."""
        common = _set(prompt=self.prompt, functions=[each.sent() for each in self.functions])
        return [common | each.sent() for each in self.think]


# --- credentials ----------------------------------------------------------------------------------


class _Secret(msgspec.Struct, forbid_unknown_fields=True):
    """What may stand under a name: an endpoint, or credentials of AWS."""

    url: str = ""
    method: str = ""
    headers: dict[str, str] = {}
    type: Literal["", "sts", "iam"] = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""


_AWS_SECRETS = ("secret_access_key", "session_token")
_SECRETS = TypeAdapter(dict[str, dict[str, Any]])


def named_secrets(value: SecretStr) -> dict[str, Json]:
    """The secrets by name.

    Raises:
        ValueError: it is no JSON object of endpoints and credentials; says nothing of its content.
    """
    text = value.get_secret_value()
    if not text:
        return {}
    try:
        found = _SECRETS.validate_json(text)
        msgspec.convert(found, dict[str, _Secret])
    except (ValidationError, msgspec.ValidationError):
        raise ValueError(
            "must be JSON: names, each with an endpoint (url, headers) or credentials "
            "(type, region, access_key_id, secret_access_key, session_token)"
        ) from None
    return found


def hidden(secrets: Mapping[str, Json]) -> Iterator[str]:
    """What of ``secrets`` is nobody's business: all but addresses and kinds."""
    for secret in secrets.values():
        for value in secret.get("headers", {}).values():
            yield from (value, value.rpartition(" ")[2])  # without Bearer
        yield from (secret[name] for name in _AWS_SECRETS if name in secret)


def _sound_secrets(value: SecretStr) -> SecretStr:
    named_secrets(value)
    return value


def _key(value: SecretStr) -> SecretStr:
    if not _VISIBLE.fullmatch(value.get_secret_value()):
        raise ValueError("must be of visible ASCII characters, without spaces")
    return value


_KEY_HELP = "API key of a Deepgram project that may use the Voice Agent API; every call needs it."


class DeepgramAgentCredentials(ParamSet):
    """What Deepgram and the services behind the agent are shown."""

    SECTION: ClassVar[str] = "Deepgram credentials"

    key: Annotated[SecretStr, AfterValidator(_key), Param(help=_KEY_HELP, secret=True)] = Field(
        SecretStr(""), alias="deepgramKey", max_length=2000
    )
    secrets: Annotated[
        SecretStr,
        AfterValidator(_sound_secrets),
        Param(
            help='Endpoints and credentials of other services, by name: {"groq": {"url": "https://'
            '…", "headers": {"authorization": "Bearer …"}}}. deepgramThink, deepgramSpeak and '
            "functions use them by their name.",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="deepgramSecrets", max_length=20_000)
