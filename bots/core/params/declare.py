"""How a parameter is declared: one typed field, everything else derived.

A section is a frozen pydantic model; each field carries a `Param` and a default::

    class Timeouts(ParamSet):
        \"\"\"Caller and bot timers (product description 6.6).\"\"\"

        SECTION: ClassVar[str] = "Timeouts"
        user_no_input_timeout_ms: Annotated[
            int, Param(help="Wait for the caller.", unit="ms", levels=BOT_SETTABLE)
        ] = Field(0, ge=0, le=600_000, alias="userNoInputTimeoutMS")

The alias is the wire name: the name in stored configuration, in activities, in the API and in
errors.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from bots.core.errors import PlaceholderError
from bots.core.params import placeholders
from bots.core.texts import gettext_noop


class Level(IntEnum):
    """Where a value was set, weakest first; a stronger level wins."""

    DEFAULT = 0
    PROVIDER = 1
    BASE_BOT = 2
    BOT = 3
    DIALOUT = 4
    SESSION = 5
    ACTIVITY = 6
    SUPERVISOR = 7
    """A person, in one call; only what is ``live`` can be set there."""


ADMINISTRATOR = frozenset({Level.PROVIDER, Level.BASE_BOT, Level.BOT})
"""Set by people in the configuration only."""
BESIDE_CREDENTIALS = frozenset({Level.PROVIDER})
"""Set in the provider only: where its credentials are sent is not for those who use it to say."""
DIALER_SETTABLE = ADMINISTRATOR | {Level.DIALOUT}
"""May also be set by the request that dials out."""
BOT_SETTABLE = ADMINISTRATOR | {Level.DIALOUT, Level.SESSION, Level.ACTIVITY}
"""May also be set by the bot at run time, for the session or one activity."""


class Later(StrEnum):
    """Parts that the gateway lacks so far; what only acts with one of them is declared already.

    Bots and administrators of other gateways set these parameters: they are kept and checked. As
    ``needs`` of a `Param` a member marks the parameter as not acting.
    """

    AGENT_ASSIST = gettext_noop("agent assist")
    AUDIO_STORE = gettext_noop("a store for the caller's audio")
    AWS = gettext_noop("the AWS synthesiser (Polly)")
    AZURE = gettext_noop("the Azure recogniser or synthesiser")
    CLOUD_SPEECH = gettext_noop("a cloud's recogniser or synthesiser")
    DIRECT_LINE = gettext_noop("an Azure bot (Direct Line)")
    GOOGLE = gettext_noop("the Google recogniser")
    PROVIDER_GROUPS = gettext_noop("provider groups")
    SIP = gettext_noop("a SIP voice channel")
    SPEAKER_VERIFICATION = gettext_noop("a speaker verification service")
    SPEECH_BY_URL = gettext_noop("a speech service that is reached by its URL")


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """What a declaration says beyond type, range and default.

    ``live``: may be changed in running calls. ``needs``: what must be present for the parameter to
    act, in words. ``secret``: write-only in forms, never logged. ``hint``: what people may see of
    such a secret, made from it. ``placeholders``: the text is a template (see `placeholders`); one
    that does not compile is refused.
    """

    help: str
    unit: str = ""
    levels: frozenset[Level] = ADMINISTRATOR
    live: bool = False
    secret: bool = False
    hint: Callable[[str], str] | None = None
    needs: str = ""
    source: str = ""
    placeholders: bool = False

    def settable_at(self, level: Level) -> bool:
        """Whether a value may be set at ``level``; plug-ins have defaults for any parameter."""
        if level is Level.SUPERVISOR:
            return self.live
        return level is Level.DEFAULT or level in self.levels

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """What pydantic validates by: the declared type, and for a template that it compiles."""
        schema = handler(source)
        if not self.placeholders:
            return schema
        return core_schema.no_info_after_validator_function(_template, schema)


def _template(value: str) -> str:
    try:
        placeholders.check(value)
    except PlaceholderError as error:
        raise ValueError(error.reason) from None
    return value


class Part(BaseModel):
    """An object inside a value, such as one SIP header; its names are camelCase on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class ParamSet(BaseModel):
    """A section of parameters; subclasses are checked when they are defined.

    Raises:
        TypeError: a field has no `Param`, no default, a default that its own type or range refuses,
            or no wire name (alias), or is secret without being a `SecretStr`, so that a slip in a
            declaration stops start-up instead of passing silently.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    SECTION: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.SECTION:
            raise TypeError(f"{cls.__name__} must name its SECTION")
        for name, field in cls.model_fields.items():
            notes = [note for note in field.metadata if isinstance(note, Param)]
            if not notes:
                raise TypeError(f"{cls.__name__}.{name} carries no Param")
            if field.is_required():
                raise TypeError(f"{cls.__name__}.{name} has no default")
            if not field.alias:
                raise TypeError(f"{cls.__name__}.{name} has no wire name (alias)")
            if notes[0].secret != (field.annotation is SecretStr):
                raise TypeError(f"{cls.__name__}.{name}: a secret is a SecretStr, and only that is")
        try:
            cls()
        except ValidationError as error:
            raise TypeError(f"{cls.__name__} has a wrong default: {error}") from None


class Declared(msgspec.Struct, frozen=True):
    """One declared parameter: its section, Python name, pydantic field and `Param`."""

    section: type[ParamSet]
    attribute: str
    field: FieldInfo
    param: Param

    @property
    def wire_name(self) -> str:
        """The name on the wire and in stored configuration."""
        return str(self.field.alias)


def declared(section: type[ParamSet]) -> Iterator[Declared]:
    """Every parameter of ``section`` in declaration order; what it inherits comes last."""
    own = vars(section).get("__annotations__", {})
    fields = section.model_fields
    for attribute in sorted(fields, key=lambda name: name not in own):
        field = fields[attribute]
        param = next(note for note in field.metadata if isinstance(note, Param))
        yield Declared(section, attribute, field, param)
