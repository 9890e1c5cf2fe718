"""What a type of alarm is declared by."""

import pytest

from alarms.core.catalogue import STT_PROVIDER_FAILURE, WORKER_DOWN
from alarms.core.declare import MAX_SOURCE_CHARS

pytestmark = pytest.mark.pure


def test_a_source_is_the_entity_and_its_name_or_the_entity_alone() -> None:
    assert STT_PROVIDER_FAILURE.source("azure-1") == "provider:azure-1"
    assert WORKER_DOWN.source() == "worker"


def test_a_source_fits_its_column() -> None:
    assert len(STT_PROVIDER_FAILURE.source("x" * 1000)) == MAX_SOURCE_CHARS
