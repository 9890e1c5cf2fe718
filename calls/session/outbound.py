"""The way out of this process for what its calls fetch and post."""

from django.conf import settings

from bots.net import Outbound

_outbound: Outbound | None = None


def outbound() -> Outbound:
    """The way out of this process; whoever ends the calls closes it."""
    global _outbound
    if _outbound is None:
        _outbound = Outbound(settings.OUTBOUND_ALLOW)
    return _outbound
