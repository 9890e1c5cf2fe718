"""How a conversation begins: the initial activity to the bot (product description 6.2)."""

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.numbers import number_meta_data
from bots.core.params import reading
from bots.core.params.placeholders import fill
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.speech import Speech
from calls.core.scopes import Scopes

PLACEHOLDER_VARIABLE = "botMessageMetadata"
"""What placeholders call the fields of the start activity (Bot API reference, 7.8)."""


class Beginning(msgspec.Struct, frozen=True):
    """What the conversation begins with.

    ``initial`` goes to the bot (None: disabled). ``fields`` are the call's start attributes,
    whatever the activity was overridden with.
    """

    initial: Activity | None
    fields: Json


def beginning(
    start: Activity, sip_headers: dict[str, tuple[str, ...]], params: Scopes
) -> Beginning:
    """The beginning of a call whose voice side told ``start`` and the INVITE's ``sip_headers``."""
    wanted = params[CallInitiation]
    fields: Json = dict(start.parameters or {})
    if wanted.send_number_meta_data:
        number = number_meta_data(str(fields.get("caller") or ""), wanted.number_region)
        if number is not None:
            fields["numberMetaData"] = number
    fields |= _headers(wanted.sip_headers_to_bot, sip_headers)
    if not wanted.send_initial_activity:
        return Beginning(None, fields)
    if wanted.initial_activity is not None:
        return Beginning(reading.activity(wanted.initial_activity), fields)
    return Beginning(msgspec.structs.replace(start, parameters=fields), fields)


def _headers(wanted: dict[str, str], headers: dict[str, tuple[str, ...]]) -> Json:
    """Start fields by name from SIP headers: ``Header-Name`` or ``Header-Name.index`` from 0."""
    found: Json = {}
    by_name = {name.lower(): values for name, values in headers.items()}
    for field, source in wanted.items():
        name, _, index = source.partition(".")
        values = by_name.get(name.lower(), ())
        position = int(index or 0)
        if position < len(values):
            found[field] = values[position]
    return found


def meta_data_url(params: Scopes, fields: Json) -> str:
    """``sendMetaDataUrl`` with its placeholders filled.

    Raises:
        PlaceholderError: an expression failed; the call is to be ended (7.8).
    """
    return fill(params[MetaData].send_meta_data_url, {PLACEHOLDER_VARIABLE: fields})


def hello(params: Scopes) -> Activity | None:
    """The textual message that some bots need to begin (6.2.3)."""
    text, speech = params[CallInitiation].initial_message, params[Speech]
    language = speech.stt_language or speech.language
    return activities.message(text, language=language) if text else None
