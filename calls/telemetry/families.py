"""Metrics on their way: between processes, and from there into the text that Prometheus reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Exposed
from prometheus_client.registry import Collector

Kind = Literal["counter", "gauge", "histogram"]
PROCESS = "process"
"""The label that says which process a sample is from."""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One value."""

    name: str
    labels: dict[str, str]
    value: float


class Family(msgspec.Struct, frozen=True, array_like=True):
    """The samples of one metric; ``name`` is without ``_total`` and ``_bucket``."""

    name: str
    kind: Kind
    help: str
    unit: str
    samples: list[Sample]


def families_of(registry: CollectorRegistry) -> Iterator[Family]:
    """What ``registry`` has counted."""
    for found in registry.collect():
        samples = [Sample(sample.name, sample.labels, sample.value) for sample in found.samples]
        kind = msgspec.convert(found.type, Kind)
        yield Family(found.name, kind, found.documentation, found.unit, samples)


def packed(families: Iterable[Family]) -> bytes:
    """``families`` for a sibling."""
    return msgspec.msgpack.encode(list(families))


def unpacked(data: bytes) -> list[Family]:
    """What a sibling packed.

    Raises:
        msgspec.MsgspecError: it is no such thing.
    """
    return msgspec.msgpack.decode(data, type=list[Family])


class Gathered(Collector):
    """The families of several processes, each sample with its process, and those of nobody."""

    def __init__(
        self, processes: Mapping[str, Iterable[Family]], others: Iterable[Family] = ()
    ) -> None:
        self._families: dict[str, Exposed] = {}
        for process, families in processes.items():
            for family in families:
                self._add(family, {PROCESS: process})
        for family in others:
            self._add(family, {})

    def _add(self, family: Family, more: dict[str, str]) -> None:
        exposed = self._families.get(family.name)
        if exposed is None:
            exposed = Exposed(family.name, family.help, family.kind, family.unit)
            self._families[family.name] = exposed
        for sample in family.samples:
            exposed.add_sample(sample.name, {**sample.labels, **more}, sample.value)

    def collect(self) -> Iterable[Exposed]:
        """Every family, by name."""
        return [self._families[name] for name in sorted(self._families)]


def exposed(gathered: Gathered, accept: str) -> tuple[bytes, str]:
    """``gathered`` as text in the format that ``accept`` asks for, and the type of that text."""
    encode, content_type = choose_encoder(accept)
    return encode(gathered), content_type
