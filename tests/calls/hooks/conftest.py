"""Hooks of a test's own, beside none of the process."""

from collections.abc import Iterator

import pytest

from calls.hooks.registration import Registered, registered
from tests.calls.channels.conftest import call, host, lines, make_bot, records

__all__ = ["call", "host", "lines", "loaded", "make_bot", "records"]


@pytest.fixture
def loaded() -> Iterator[Registered]:
    """What the process has loaded: nothing yet; what a test registers is forgotten."""
    before = registered.handlers, registered.functions, registered.broken
    registered.handlers, registered.functions, registered.broken = {}, {}, {}
    yield registered
    registered.handlers, registered.functions, registered.broken = before
