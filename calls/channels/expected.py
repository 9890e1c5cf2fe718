"""Outbound calls that a carrier brings back to the voice side: how they are told and described."""

from collections.abc import Iterable, Mapping

import msgspec

from bots.core.activities import Activity, Json
from calls.core.dialout import DialoutOrder
from calls.core.ports import CallStart
from calls.dialouts.matching import ExpectedCall

DIALOUT_KEY = "voiceGatewayDialout"
"""Where a carrier brings the id of the dialout back, within ``start.dialoutMetadata``."""


def begun(start: CallStart, order: DialoutOrder) -> CallStart:
    """``start`` as that of an ordered call: who calls whom is what was ordered."""
    return msgspec.structs.replace(
        start,
        caller=order.caller,
        callee=called_party(order.target),
        direction="outbound",
        dialout=order,
    )


def called_party(target: str) -> str:
    """Who is called, as records show it: the number of a ``tel:`` URI, else ``user@host``."""
    return target.partition(":")[2] or target


def marked(order: DialoutOrder) -> Json:
    """The dialer's metadata as a carrier gets it, with the id by which the call is told."""
    return {**(order.metadata or {}), DIALOUT_KEY: order.dialout_id}


def named_in(start: Activity, supposed: Mapping[str, ExpectedCall]) -> ExpectedCall | None:
    """The call that the ``start`` activity names by `marked` metadata."""
    metadata = (start.parameters or {}).get("dialoutMetadata")
    named = metadata.get(DIALOUT_KEY) if isinstance(metadata, dict) else None
    return supposed.get(named) if isinstance(named, str) else None


def start_among(activities: Iterable[Activity]) -> Activity | None:
    """The ``start`` activity, if it is there."""
    return next((activity for activity in activities if activity.event == "start"), None)


def told_to_bot(start: Activity, order: DialoutOrder) -> Activity:
    """``start`` with target and metadata as ordered, whatever the carrier made of them."""
    told = dict(start.parameters or {})
    told.pop("dialoutMetadata", None)
    told["outboundTarget"] = order.target
    if order.metadata is not None:
        told["dialoutMetadata"] = order.metadata
    return msgspec.structs.replace(start, parameters=told)
