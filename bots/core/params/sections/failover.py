"""What is done when a call cannot go on."""

from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from bots.core.activities import Activity
from bots.core.params.declare import Param, ParamSet, Part
from bots.core.params.reading import activity

_LEAVING = frozenset({"hangup", "transfer", "handover"})
_param = partial(Param, live=True, source="product description 6.5; the name is ours")


def _done_on_failure(content: dict[str, Any]) -> dict[str, Any]:
    found = activity(content)
    if found.kind == "event" and found.event not in _LEAVING | {"playurl"}:
        raise ValueError("must be a message or the event playUrl, transfer, handover or hangup")
    if found.event == "playurl" and not found.parameter("playUrlUrl"):
        raise ValueError("playUrl needs playUrlUrl in its activityParams")
    return content


def _in_order(contents: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    for content in contents[:-1]:
        if activity(content).event in _LEAVING:
            raise ValueError(f"{content['name']} must be the last activity")
    return contents


_Activities = Annotated[
    tuple[Annotated[dict[str, Any], AfterValidator(_done_on_failure)], ...],
    Field(max_length=10),
    AfterValidator(_in_order),
]


class FailoverActivities(Part):
    """Activities by what failed, each as a bot would send it."""

    bot: _Activities = ()
    stt: _Activities = ()
    tts: _Activities = ()
    channel: _Activities = ()
    general: _Activities = ()

    def activities(self, cause: str) -> tuple[Activity, ...]:
        """What to do when ``cause`` failed: its own list, or the general one if that is empty."""
        own = getattr(self, cause) if cause in type(self).model_fields else ()
        return tuple(map(activity, own or self.general))


class Failover(ParamSet):
    """What the caller gets when the bot, a speech service or the line failed (6.5).

    When the activities have been carried out the call ends. For example `{"tts": [{"type": "event",
    "name": "playUrl", "activityParams": {"playUrlUrl": "https://files.example/sorry.wav"}}],
    "general": [{"type": "message", "text": "One moment."}, {"type": "event", "name": "transfer",
    "activityParams": {"transferTarget": "tel:+15550100"}}]}`; a transfer without a target goes to
    `transferTarget`.
    """

    SECTION: ClassVar[str] = "Failover"

    failover_activities: Annotated[
        FailoverActivities,
        _param(
            help=(
                "Lists of activities under `bot`, `stt`, `tts`, `channel` and `general`: messages, "
                "playUrl, and as the last one transfer or hangup. `general` serves causes without "
                "a list of their own."
            )
        ),
    ] = Field(FailoverActivities(), alias="failoverActivities")
