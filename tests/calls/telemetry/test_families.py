"""Metrics of several processes in one text."""

import pytest
from msgspec import MsgspecError
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from calls.telemetry.families import (
    Family,
    Gathered,
    Sample,
    exposed,
    families_of,
    packed,
    unpacked,
)

pytestmark = pytest.mark.pure

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def counted(hits: int) -> list[Family]:
    registry = CollectorRegistry()
    counter = Counter("hits", "Hits.", ["what"], registry=registry)
    counter.labels('a "quoted"\nname\\').inc(hits)
    times = Histogram("wait_seconds", "A wait.", unit="seconds", buckets=(1,), registry=registry)
    times.observe(0.5)
    return list(families_of(registry))


def test_what_is_packed_for_a_sibling_comes_back_the_same() -> None:
    families = counted(3)
    assert unpacked(packed(families)) == families


@pytest.mark.parametrize("data", [b"", b"\xc1", packed([])[:0] + b"\x91\xc0", b"\x81\x01\x02"])
def test_other_data_is_refused(data: bytes) -> None:
    with pytest.raises(MsgspecError):
        unpacked(data)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_both_parsers_of_prometheus_read_every_sample_with_its_process(accept: str) -> None:
    shared = Family("size", "gauge", "A size.", "", [Sample("size", {}, 2.5)])
    gathered = Gathered({"web-1": counted(3), "web-2": counted(4)}, [shared])
    text, kind = exposed(gathered, accept)
    assert ("openmetrics" in kind) is bool(accept)
    found = {f.name: f for f in (openmetrics if accept else plain)(text.decode())}
    hits = {s.labels["process"]: (s.value, s.labels["what"]) for s in found["hits"].samples}
    assert hits == {"web-1": (3, 'a "quoted"\nname\\'), "web-2": (4, 'a "quoted"\nname\\')}
    assert [(s.labels, s.value) for s in found["size"].samples] == [({}, 2.5)]
    assert len(found["wait_seconds"].samples) == 8
