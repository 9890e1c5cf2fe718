"""Bots as the API takes and shows them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from bots.models import Bot
from bots.rest.problems import wire_name
from bots.rest.schemas import Body, Filters, Flag, Message, Shown, Slug, Text, partial
from bots.services.impact import Difference, Impact
from bots.services.traces import settings_of, shown_params

AccessMode = Literal["none", "token", "oauth"]
_BASE = "The base bot that it inherits from; null: none."
_PROVIDER = "Name of the provider that is chosen here; null: that of the base bot."
_PARAMS = (
    "Own values by wire name (see `GET /api/v1/parameters`); what is absent is inherited. Secrets "
    "are shown as a mask, and the mask leaves them as they are."
)
_ACCESS = "What a voice gateway must present: nothing, the bot's token, or an OAuth access token."


class BotSettings(Body):
    """Everything that can be set on a bot; what is absent has its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "displayName": "Reservations",
                    "base": "demo-base",
                    "params": {"language": "en-US", "welcomeMessage": "Good morning!"},
                    "message": "Say good morning",
                }
            ]
        }
    )

    display_name: str = Field("", max_length=200, description="The name that people see.")
    is_base: bool = Field(
        default=False, description="A template that others inherit from; takes no calls."
    )
    enabled: bool = Field(default=True, description="Whether it takes calls.")
    base: Slug | None = Field(None, description=_BASE)
    provider: Slug | None = Field(None, description=_PROVIDER)
    stt_provider: Slug | None = Field(None, description=_PROVIDER)
    tts_provider: Slug | None = Field(None, description=_PROVIDER)
    vad_provider: Slug | None = Field(None, description=_PROVIDER)
    carrier_provider: Slug | None = Field(None, description=_PROVIDER)
    access_mode: AccessMode = Field("none", description=_ACCESS)
    params: dict[str, Any] = Field({}, description=_PARAMS)
    message: Message = ""


class NewBot(BotSettings):
    """A bot that is to be there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "reservations",
                    "displayName": "Reservations",
                    "base": "demo-base",
                    "params": {"welcomeMessage": "Good morning!"},
                }
            ]
        }
    )

    name: Slug = Field(description="Lower-case letters, digits, - and _; it never changes.")


class BotPatch(BotSettings):
    """What is to change of a bot; what is absent stays as it is."""

    model_config = ConfigDict(
        json_schema_extra=partial(
            {"params": {"welcomeMessage": "Good evening!", "language": None}},
            {"enabled": False, "message": "Closed for the day"},
        )
    )

    params: dict[str, Any] = Field(
        {}, description="Merged into the own values (RFC 7396); null removes one."
    )


class CloneOrder(Body):
    """How a clone is called."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "reservations-2"}]})

    name: Slug = Field(description="Name of the clone.")
    display_name: str = Field("", max_length=200, description="The name that people see.")
    standalone: bool = Field(
        default=False, description="Inherit from no base bot; everything inherited becomes its own."
    )


class BotFilters(Filters):
    """Which bots are listed."""

    base: Text = Field("", max_length=100, description="Only those that inherit from this bot.")
    provider: Text = Field("", max_length=100, description="Only those that use this provider.")
    enabled: Flag | None = Field(None, description="Only those that take calls, or do not.")
    text: Text = Field("", max_length=200, description="Part of the name or display name.")


class BotShown(Shown):
    """A bot with its own values."""

    name: str
    display_name: str
    is_base: bool
    enabled: bool
    base: str | None
    provider: str | None
    stt_provider: str | None
    tts_provider: str | None
    vad_provider: str | None
    carrier_provider: str | None
    access_mode: AccessMode
    params: dict[str, Any] = Field(description=_PARAMS)
    revision: int = Field(ge=1, description="Counts every change; its `ETag` in quotes.")
    updated_at: datetime


class BotPage(Shown):
    """A page of bots, by name."""

    items: list[BotShown]
    next: str | None = Field(description="What to send as `after` for the next page.")


class Changed(Shown):
    """One value before and after; ``origin`` says where it is set then."""

    name: str
    before: Any
    after: Any
    origin: str


class Affected(Shown):
    """What happens to a bot that inherits: effective values that change, and what it overrides."""

    name: str
    is_base: bool
    changes: list[Changed]
    overrides: list[str]


class ImpactShown(Shown):
    """What a change would do; with ``problems`` it would be refused."""

    settings: list[Changed] = Field(description="Fields and own values that change.")
    effective: list[Changed] = Field(description="What calls to the bot would use instead.")
    bots: list[Affected] = Field(description="Every bot that inherits from it.")
    problems: dict[str, str] = Field(description="By field or parameter.")


def bot_shown(bot: Bot) -> BotShown:
    """``bot``, its base and providers fetched along."""
    settings: dict[str, Any] = settings_of(bot)
    return BotShown(
        name=bot.name,
        params=shown_params(bot.params),
        revision=bot.revision,
        updated_at=bot.updated_at,
        **settings,
    )


def impact_shown(impact: Impact) -> ImpactShown:
    """``impact`` by the names on the wire."""
    return ImpactShown(
        settings=_changes(impact.settings),
        effective=_changes(impact.effective),
        bots=[
            Affected(
                name=heir.name,
                is_base=heir.is_base,
                changes=_changes(heir.changes),
                overrides=[wire_name(name) for name in heir.overrides],
            )
            for heir in impact.heirs
        ],
        problems={wire_name(name): text for name, text in impact.problems.items()},
    )


def _changes(found: tuple[Difference, ...]) -> list[Changed]:
    return [
        Changed(name=wire_name(each.name), before=each.before, after=each.after, origin=each.origin)
        for each in found
    ]
