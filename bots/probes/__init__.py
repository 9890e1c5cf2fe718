"""Trying an outside service for real, with the steps of the attempt and the exact cause of failure.

A probe takes a plug-in as a call would and asks it for one thing. It never raises for what the
service does: `run` answers an `Outcome`.
"""

from collections.abc import Iterable
from typing import Any

from bots.core.params.declare import ParamSet
from bots.core.registry import Plugin
from bots.net import Outbound
from bots.probes.bot import probe_bot
from bots.probes.carrier import probe_carrier
from bots.probes.course import DEADLINE_S, Course, Outcome, Step, StepName, run
from bots.probes.speech import SAMPLER, probe_stt, probe_tts, probe_vad


async def probe(
    plugin: Plugin,
    params: ParamSet,
    credentials: ParamSet,
    *,
    name: str,
    language: str,
    voice: str = "",
    sampler: str = SAMPLER,
    allow: Iterable[str] = (),
    deadline_s: float = DEADLINE_S,
) -> Outcome:
    """Try ``plugin`` as it is configured; ``name`` is whom a bot framework is asked for.

    ``sampler`` is the synthesiser that makes samples of speech for recognisers; ``allow``
    are addresses that a carrier may have beside the public ones (see `bots.net.Outbound`).
    """

    async def go(course: Course) -> None:
        with course.step(StepName.BUILD):
            # NB The registry is untyped by nature: a factory's product has the port of its kind.
            built: Any = plugin.factory(params, credentials)
        match plugin.kind:
            case "bot":
                await probe_bot(course, built, bot=name, language=language)
            case "stt":
                await probe_stt(course, built, language=language, sampler=sampler)
            case "tts":
                await probe_tts(course, built, language=language, voice=voice)
            case "vad":
                await probe_vad(course, built, language=language, sampler=sampler)
            case "carrier":
                async with Outbound(allow) as outbound:
                    await probe_carrier(course, built, outbound)

    return await run(go, deadline_s)


__all__ = ["DEADLINE_S", "Course", "Outcome", "Step", "StepName", "probe", "run"]
