"""A registry of plug-ins that exist only in these tests, and a configuration made of them."""

from typing import Annotated, ClassVar, Literal, Self

import pytest
from pydantic import Field, SecretStr, model_validator

from bots.core import registry
from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.registry import NoParams


class EchoParams(ParamSet):
    SECTION: ClassVar[str] = "Echo bot"
    greeting: Annotated[str, Param(help="What it says first.")] = Field(
        "Hello", alias="echoGreeting"
    )
    tone: Annotated[Literal["warm", "cool"], Param(help="How it says it.")] = Field(
        "warm", alias="echoTone"
    )
    pin: Annotated[SecretStr, Param(help="Unlocks it.", secret=True)] = Field(
        SecretStr(""), alias="echoPin"
    )


class EarParams(ParamSet):
    SECTION: ClassVar[str] = "Ear"
    model: Annotated[str, Param(help="Model.", levels=BOT_SETTABLE)] = Field(
        "phone", alias="earModel"
    )
    wait_ms: Annotated[int, Param(help="Wait.", unit="ms")] = Field(0, alias="earWaitMS")
    limit_ms: Annotated[int, Param(help="Limit.", unit="ms")] = Field(500, alias="earLimitMS")

    @model_validator(mode="after")
    def _wait_below_limit(self) -> Self:
        if self.wait_ms > self.limit_ms:
            raise ValueError("earWaitMS must not exceed earLimitMS")
        return self


class EarCredentials(ParamSet):
    SECTION: ClassVar[str] = "Ear credentials"
    key: Annotated[SecretStr, Param(help="Key.", secret=True)] = Field(
        SecretStr(""), alias="earKey"
    )


class OtherParams(ParamSet):
    SECTION: ClassVar[str] = "Other bot"
    mood: Annotated[str, Param(help="Mood.")] = Field("calm", alias="otherMood")


class Built:
    """What the factories of these plug-ins make."""

    def __init__(self, params: ParamSet, credentials: ParamSet) -> None:
        self.params = params
        self.credentials = credentials


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only these plug-ins: bots echo and other, stt ear, tts mouth, vad webrtc."""
    monkeypatch.setattr(registry, "_plugins", {})
    monkeypatch.setattr(registry, "broken", {})
    registry.register("bot", "echo", "Echo", params=EchoParams)(Built)
    registry.register("bot", "other", "Other", params=OtherParams)(Built)
    registry.register("stt", "ear", "Ear", params=EarParams, credentials=EarCredentials)(Built)
    registry.register("tts", "mouth", "Mouth", params=NoParams)(Built)
    registry.register("vad", "webrtc", "WebRTC", params=NoParams)(Built)
