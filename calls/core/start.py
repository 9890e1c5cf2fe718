"""How a conversation begins: the initial activity to the bot (product description 6.2)."""

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.params import reading
from bots.core.params.placeholders import fill
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.speech import Speech
from bots.core.start_fields import PLACEHOLDER_VARIABLE, start_fields
from calls.core.scopes import Scopes


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
    fields = start_fields(wanted, start.parameters or {}, sip_headers)
    if not wanted.send_initial_activity:
        return Beginning(None, fields)
    if wanted.initial_activity is not None:
        return Beginning(reading.activity(wanted.initial_activity), fields)
    return Beginning(msgspec.structs.replace(start, parameters=fields), fields)


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
