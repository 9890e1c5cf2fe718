"""What a call is known by when it begins: the fields of the start activity.

Placeholders find them under `PLACEHOLDER_VARIABLE` (Bot API reference, 7.8).
"""

from collections.abc import Mapping, Sequence

from bots.core.activities import Json
from bots.core.numbers import number_meta_data
from bots.core.params.sections.call_initiation import CallInitiation

PLACEHOLDER_VARIABLE = "botMessageMetadata"


def start_fields(
    wanted: CallInitiation, given: Json, sip_headers: Mapping[str, Sequence[str]]
) -> Json:
    """``given`` by the voice side, with number metadata and what the bot wants of the headers."""
    fields: Json = dict(given)
    if wanted.send_number_meta_data:
        number = number_meta_data(str(fields.get("caller") or ""), wanted.number_region)
        if number is not None:
            fields["numberMetaData"] = number
    return fields | _headers(wanted.sip_headers_to_bot, sip_headers)


def _headers(wanted: Mapping[str, str], headers: Mapping[str, Sequence[str]]) -> Json:
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
