"""Database connections of threads that ask again and again."""

import time

from django.db import connections

KEPT_S = 60.0
"""For so long one is kept: to a file that is gone it would answer for ever."""


def rest() -> None:
    """Between two questions of a thread: close what is broken or old, and what a pool keeps open.

    Opening a connection to SQLite costs several times what a question does. A thread that is about
    to end calls `django.db.connections.close_all`.
    """
    now = time.monotonic()
    for connection in connections.all(initialized_only=True):
        opened_at = connection.close_at  # as CONN_MAX_AGE is 0
        young = opened_at is not None and now - opened_at < KEPT_S
        # NB not ``connection.pool``: asking for it opens one.
        pooled = "pool" in connection.settings_dict["OPTIONS"]
        if connection.errors_occurred or not young or pooled:
            connection.close_if_unusable_or_obsolete()
