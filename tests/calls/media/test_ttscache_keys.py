"""Which prompts are the same: none that may sound different, and no secret in what tells."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from pydantic import Field, SecretStr

from bots.core.params.declare import Param, ParamSet
from bots.core.ports import SynthesisRequest
from bots.core.registry import NoParams
from calls.media.ttscache import CachedTts, Speaker, speaker_of
from tests.calls.media.desk import HELLO, Desk
from tests.calls.media.leaping import leap


class Params(ParamSet):
    """Of a synthesiser with settings."""

    SECTION: ClassVar[str] = "Settings"
    style: Annotated[str, Param(help="A style.")] = Field("calm", alias="keyedStyle")
    options: Annotated[dict[str, int], Param(help="More.")] = Field(
        default_factory=dict, alias="keyedOptions"
    )
    token: Annotated[SecretStr, Param(help="A secret.", secret=True)] = Field(
        SecretStr(""), alias="keyedToken"
    )


def asked_twice(
    directory: Path,
    *,
    speakers: tuple[Speaker, Speaker],
    requests: tuple[SynthesisRequest, SynthesisRequest] = (HELLO, HELLO),
) -> bool:
    """Whether the second prompt needs a synthesis of its own."""

    async def main() -> bool:
        desk = Desk(directory)
        for speaker, request in zip(speakers, requests, strict=True):
            async for _ in CachedTts(desk.cache, desk.studio, speaker).synthesise(request):
                pass
        return desk.studio.asked == 2

    return leap(main())


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"voice": "anna"}, True),
        ({"language": "de-DE"}, True),
        ({"rate_hz": 16000}, True),
        ({"text": "Hello!"}, True),
        ({"text": "hello."}, True),
        ({"text": "Hello. \ud800"}, True),
        ({"text": " Hello.\n"}, False),
        ({"text": "<speak>Hello.</speak>"}, True),
    ],
)
def test_prompts_that_may_sound_different_are_kept_apart(
    tmp_path: Path, change: dict[str, Any], differs: bool
) -> None:
    speaker = speaker_of(bot="demo", plugin="tones", provider="p", params=NoParams())
    changed = msgspec.structs.replace(HELLO, **change)
    twice = asked_twice(tmp_path, speakers=(speaker, speaker), requests=(HELLO, changed))
    assert twice == differs


def test_markup_that_means_the_same_is_the_same_prompt(tmp_path: Path) -> None:
    speaker = speaker_of(bot="demo", plugin="tones", provider="p", params=NoParams())
    one, other = (
        msgspec.structs.replace(HELLO, text=text)
        for text in (
            '<speak>Wait <prosody rate="slow" pitch="low">now</prosody></speak>',
            '<speak  >Wait\n<prosody pitch="low" rate="slow">now</prosody><!-- x --></speak>',
        )
    )
    assert not asked_twice(tmp_path, speakers=(speaker, speaker), requests=(one, other))


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"bot": "other"}, False),
        ({"provider": "q"}, True),
        ({"plugin": "other"}, True),
        ({"params": Params(keyedStyle="cheerful")}, True),
        ({"params": Params(keyedOptions={"b": 2, "a": 1})}, False),
        ({"params": Params(keyedOptions={"a": 1, "b": 3})}, True),
        ({"params": Params(keyedToken=SecretStr("t"), keyedOptions={"a": 1, "b": 2})}, False),
    ],
)
def test_synthesisers_that_may_sound_different_are_kept_apart(
    tmp_path: Path, change: dict[str, Any], differs: bool
) -> None:
    usual: dict[str, Any] = {
        "bot": "demo",
        "plugin": "tones",
        "provider": "p",
        "params": Params(keyedOptions={"a": 1, "b": 2}),
    }
    one, other = speaker_of(**usual), speaker_of(**{**usual, **change})
    assert asked_twice(tmp_path, speakers=(one, other)) == differs


def test_no_secret_is_in_what_tells_synthesisers_apart() -> None:
    params = Params(keyedToken=SecretStr("hidden"))
    speaker = speaker_of(bot="demo", plugin="tones", provider="p", params=params)
    assert "hidden" not in speaker.sound
    assert "keyedToken" not in speaker.sound
    assert "token" not in speaker.sound
