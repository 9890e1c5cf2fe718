"""Leases of processes for the tests of this folder."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from calls.models import ProcessLease

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

MakeLease = Callable[..., ProcessLease]


@pytest.fixture
def make_lease(db: None) -> MakeLease:
    """Writes the lease of a process, renewed at `NOW` unless the test says else."""

    def make(owner: str = "web-1", *, vitals: Any = None, **fields: Any) -> ProcessLease:
        usual = {"host": "alpha", "pid": 7, "renewed_at": NOW, "started_at": NOW, "since": NOW}
        return ProcessLease.objects.create(
            owner=owner, vitals={} if vitals is None else vitals, **usual | fields
        )

    return make
