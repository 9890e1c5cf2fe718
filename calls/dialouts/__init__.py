"""Outbound calls as rows: asked for, claimed, and brought to exactly one end."""

from calls.dialouts.states import Cancellation, advance, request_cancel

__all__ = ["Cancellation", "advance", "request_cancel"]
