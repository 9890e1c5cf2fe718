"""Connections of threads that ask again and again."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from bots.connections import KEPT_S, rest

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]
POOLED = "pool" in connection.settings_dict["OPTIONS"]
Ask = Callable[[Callable[[], object]], Any]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Asks in a thread, does something there, rests; answers what connection is left."""
    with ThreadPoolExecutor(1) as thread:

        def there(then: Callable[[], object]) -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            then()
            rest()
            return connection.connection

        yield lambda then: thread.submit(there, then).result()
        thread.submit(connections.close_all).result()


def nothing() -> None:
    """Time passes."""


def test_one_that_works_is_kept_unless_a_pool_does_that(ask: Ask) -> None:
    kept = ask(nothing)
    assert (kept is None) is POOLED
    assert ask(nothing) is kept


def test_one_that_is_old_is_closed(ask: Ask) -> None:
    def age() -> None:
        connection.close_at = time.monotonic() - KEPT_S - 1

    assert ask(age) is None


def test_one_that_failed_is_closed(ask: Ask) -> None:
    def fail() -> None:
        connection.errors_occurred = True

    assert ask(fail) is None
