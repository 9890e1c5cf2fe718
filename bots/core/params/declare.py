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

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, ClassVar, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo


class Level(IntEnum):
    """Where a value was set, weakest first; a stronger level wins."""

    DEFAULT = 0
    PROVIDER = 1
    BASE_BOT = 2
    BOT = 3
    DIALOUT = 4
    SESSION = 5
    ACTIVITY = 6


ADMINISTRATOR = frozenset({Level.PROVIDER, Level.BASE_BOT, Level.BOT})
"""Set by people in the configuration only."""
BOT_SETTABLE = ADMINISTRATOR | {Level.DIALOUT, Level.SESSION, Level.ACTIVITY}
"""May also be set by the bot at run time, for the session or one activity."""


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """What a declaration says beyond type, range and default.

    ``live``: may be changed in running calls. ``needs``: what must be present for the parameter to
    act, in words. ``secret``: write-only in forms, never logged.
    """

    help: str
    unit: str = ""
    levels: frozenset[Level] = ADMINISTRATOR
    live: bool = False
    secret: bool = False
    needs: str = ""
    source: str = ""


class ParamSet(BaseModel):
    """A section of parameters; subclasses are checked when they are defined.

    Raises:
        TypeError: a field has no `Param`, no default, a default that its own type or range refuses,
            or no wire name (alias), so that a slip in a declaration stops start-up instead of
            passing silently.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
    SECTION: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.SECTION:
            raise TypeError(f"{cls.__name__} must name its SECTION")
        for name, field in cls.model_fields.items():
            if not any(isinstance(note, Param) for note in field.metadata):
                raise TypeError(f"{cls.__name__}.{name} carries no Param")
            if field.is_required():
                raise TypeError(f"{cls.__name__}.{name} has no default")
            if not field.alias:
                raise TypeError(f"{cls.__name__}.{name} has no wire name (alias)")
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

    @property
    def many(self) -> bool:
        """Whether the value is a list or an object (replaced whole, never merged)."""
        return get_origin(self.field.annotation) in (list, dict, tuple)


def declared(section: type[ParamSet]) -> Iterator[Declared]:
    """Every parameter of ``section`` in declaration order."""
    for attribute, field in section.model_fields.items():
        param = next(note for note in field.metadata if isinstance(note, Param))
        yield Declared(section, attribute, field, param)
