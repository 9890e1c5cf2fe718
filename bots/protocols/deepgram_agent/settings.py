"""The first message of a session, made of what was written down and what is known of the call."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bots.core.activities import Json
from bots.core.audio import LPCM16_8K, LPCM16_16K, LPCM16_24K, MULAW_8K, AudioFormat
from bots.protocols.deepgram_agent.form import VARIABLE, WholeSettings
from bots.protocols.deepgram_agent.messages import Settings

HEARD = (MULAW_8K, LPCM16_8K, LPCM16_16K, LPCM16_24K)
"""Formats in which the server takes and gives audio; all that telephony brings."""
_MAX_VALUE = 500


def filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with each ``${name}`` replaced by its value, which stays on one line."""

    def value(found: re.Match[str]) -> str:
        return " ".join(values.get(found[1], "").split())[:_MAX_VALUE]

    return VARIABLE.sub(value, text)


def settings(
    whole: WholeSettings,
    *,
    heard: AudioFormat,
    spoken: AudioFormat,
    secrets: Mapping[str, Json],
    values: Mapping[str, str],
    functions: Sequence[Json] = (),
    history: Sequence[Json] = (),
    greet: bool = True,
) -> Settings:
    """The first message of a session.

    ``secrets`` are what ``endpoint`` and ``credentials`` name, ``values`` what templates are filled
    with. ``functions`` are offered beside those written down, ``history`` is the talk so far in
    place of what was; a stored agent can have neither. Without ``greet`` the agent does not begin.

    Raises:
        LookupError: a secret is named that there is not; its text says which.
    """
    written = whole.sent()
    written.pop("type", None)
    agent = written["agent"]
    if isinstance(agent, dict):
        if not greet:
            agent.pop("greeting", None)
        if "greeting" in agent:
            agent["greeting"] = filled(agent["greeting"], values)
        if "think" in agent:
            agent["think"] = opened(agent["think"], secrets, values, functions)
        if "speak" in agent:
            agent["speak"] = opened(agent["speak"], secrets, values)
        if history:
            agent["context"] = {"messages": list(history)}
    return Settings(
        audio={"input": _audio(heard), "output": {**_audio(spoken), "container": "none"}},
        agent=agent,
        tags=tuple(filled(tag, values) for tag in written.get("tags") or ()),
        experimental=written.get("experimental"),
        flags=written.get("flags"),
        mip_opt_out=written.get("mip_opt_out"),
    )


def opened(
    part: Any,
    secrets: Mapping[str, Json],
    values: Mapping[str, str],
    functions: Sequence[Json] = (),
) -> Any:
    """``think`` or ``speak``, one or several, with secrets and values in place of their names.

    Raises:
        LookupError: a secret is named that there is not.
    """
    if isinstance(part, list):
        return [opened(each, secrets, values, functions) for each in part]
    found = _with_endpoint(part, secrets)
    if isinstance(name := found["provider"].get("credentials"), str):
        found["provider"] = {**found["provider"], "credentials": _secret(secrets, name)}
    own = [_with_endpoint(each, secrets) for each in found.get("functions") or ()]
    if "prompt" in found:
        found["prompt"] = filled(found["prompt"], values)
    if own or functions:
        found["functions"] = [*own, *functions]
    return found


def _with_endpoint(part: Json, secrets: Mapping[str, Json]) -> Json:
    name = part.get("endpoint")
    return {**part, "endpoint": _secret(secrets, name)} if isinstance(name, str) else dict(part)


def _secret(secrets: Mapping[str, Json], name: str) -> Json:
    if name not in secrets:
        raise LookupError(f"the provider has no secret named {name}")
    return secrets[name]


def _audio(audio: AudioFormat) -> Json:
    encoding = "linear16" if audio.encoding == "lpcm16" else "mulaw"
    return {"encoding": encoding, "sample_rate": audio.rate_hz}


def taken(offered: AudioFormat | None) -> AudioFormat:
    """The format to use with a voice side that has ``offered``: the same where that can be."""
    return offered if offered in HEARD and offered is not None else LPCM16_16K


def silence(audio: AudioFormat, count: int) -> bytes:
    """``count`` bytes of silence; G.711 mu-law writes zero as 0xFF."""
    return (b"\xff" if audio.encoding == "mulaw" else b"\0") * count
