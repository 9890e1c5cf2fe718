"""The voice side and the records of `tests.calls.channels`, for whole calls."""

from tests.calls.channels.conftest import call, host, lines, make_bot, records

__all__ = ["call", "host", "lines", "make_bot", "records"]
