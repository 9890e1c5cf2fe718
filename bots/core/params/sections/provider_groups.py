"""Several speech providers for one bot."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import Later, Param, ParamSet, Part

_param = partial(Param, needs=Later.PROVIDER_GROUPS, source="VoiceAI Connect")


class Member(Part):
    """A provider in a group: a lower priority is used first, a higher weight more often."""

    name: str = Field(min_length=1, max_length=100)
    priority: int = Field(default=1, ge=1, le=100)
    weight: int = Field(default=1, ge=0, le=1000)


_Members = Annotated[tuple[Member, ...], Field(max_length=20)]
_Names = Annotated[tuple[str, ...], Field(max_length=20)]


class ProviderGroups(ParamSet):
    """Fall-back and load balancing between speech providers, and a change during the call."""

    SECTION: ClassVar[str] = "Provider groups"

    providers: Annotated[
        _Members, _param(help="Members of a group of providers: `name`, `priority`, `weight`.")
    ] = Field((), alias="providers")
    stt_providers: Annotated[
        _Members, _param(help="The bot's recognisers as a group: `name`, `priority`, `weight`.")
    ] = Field((), alias="sttProviders")
    additional_stt_providers: Annotated[
        _Names, _param(help="Recognisers that the bot may change to during a call, by name.")
    ] = Field((), alias="additionalSttProviders")
    additional_tts_providers: Annotated[
        _Names, _param(help="Synthesisers that the bot may change to during a call, by name.")
    ] = Field((), alias="additionalTtsProviders")
    max_stt_retries_per_priority: Annotated[
        int,
        _param(
            help=(
                "Further recognisers of one priority that are tried before the next priority; -1: "
                "all of them, 0: none."
            )
        ),
    ] = Field(-1, ge=-1, le=100, alias="maxSttRetriesPerPriority")
    max_tts_retries_per_priority: Annotated[
        int,
        _param(
            help="The same for synthesisers.",
            source="VoiceAI Connect; the name is ours",
        ),
    ] = Field(-1, ge=-1, le=100, alias="maxTtsRetriesPerPriority")
