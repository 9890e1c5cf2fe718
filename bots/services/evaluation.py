"""Trying out the placeholders of a bot with the data of a made-up call."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from bots.core.activities import Json
from bots.core.errors import PlaceholderError
from bots.core.params.resolve import Resolved
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.start_fields import PLACEHOLDER_VARIABLE, start_fields
from bots.workers.filling import filled
from bots.workers.pool import close_pools


class SampleCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that nobody makes: its start fields, and the headers of its INVITE by name."""

    fields: Mapping[str, str]
    sip_headers: Mapping[str, Sequence[str]]


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """A template and what it gives, or why it gives nothing; ``name`` is the parameter's."""

    name: str
    template: str
    text: str = ""
    problem: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What the call's data are under `PLACEHOLDER_VARIABLE`, and what each template gives."""

    fields: Json
    results: tuple[Evaluated, ...]


def evaluate(resolved: Resolved, sample: SampleCall, *, extra: str = "") -> Evaluation:
    """Every template among the parameters of a bot with ``sample``, and the template ``extra``.

    Each runs in a worker process that is ended when it takes too long; all of them together take
    little longer than one. NB it waits for them: call it in a thread that may.
    """
    wanted = resolved[CallInitiation]
    fields = start_fields(wanted, dict(sample.fields), sample.sip_headers)
    values = resolved.values()
    templates = [
        (parameter.wire_name, str(values[parameter.wire_name]))
        for parameter in resolved.catalogue
        if parameter.param.placeholders and "${" in str(values[parameter.wire_name])
    ]
    if extra:
        templates.append(("", extra))
    return Evaluation(fields=fields, results=tuple(asyncio.run(_all(templates, fields))))


async def _all(templates: Sequence[tuple[str, str]], fields: Json) -> list[Evaluated]:
    try:
        return list(await asyncio.gather(*(_one(name, text, fields) for name, text in templates)))
    finally:
        await close_pools()


async def _one(name: str, template: str, fields: Json) -> Evaluated:
    try:
        text = await filled(template, {PLACEHOLDER_VARIABLE: fields})
    except PlaceholderError as error:
        return Evaluated(name=name, template=template, problem=error.reason)
    return Evaluated(name=name, template=template, text=text)
