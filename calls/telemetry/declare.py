"""How a metric is declared: once, with its name, its meaning, its labels and its unit.

`counter` and `histogram` make metrics that code adds to where something happens; `gauge` makes one
that goes up and down. A metric made by `read` has no state here: its values are read elsewhere each
time somebody asks. All of them are in `DECLARED`, which the reference page is made from.

Labels never hold ids, numbers or words of a call. A label whose values people choose goes through
`Names`, so that the number of series has a bound whatever they do.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from calls.telemetry.families import Family, Kind, Sample

Scope = Literal["process", "installation"]
OTHER = "other"
MAX_NAMES = 200


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric as people read of it.

    ``name`` is what Prometheus shows (of a histogram, without ``_bucket``). ``unit`` is the end of
    the name, or empty for a plain number. ``scope``: told by each web process of itself, with the
    label ``process``, or once for the whole installation.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    scope: Scope = "process"

    @property
    def family(self) -> str:
        """The name of the metric's family: a counter's has no ``_total``."""
        return self.name.removesuffix("_total") if self.kind == "counter" else self.name

    def of(self, values: Mapping[tuple[str, ...], float]) -> Family:
        """What it says by ``values``, whose keys are the values of its labels."""
        samples = [
            Sample(self.name, dict(zip(self.labels, labels, strict=True)), float(value))
            for labels, value in values.items()
        ]
        return Family(self.family, self.kind, self.help, self.unit, samples)


DECLARED: dict[str, Metric] = {}
"""Every metric of the gateway's own by its name."""
REGISTRY = CollectorRegistry()
"""What this process has counted."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter


def counter(name: str, text: str, *labels: str, unit: str = "") -> Counter:
    """Counts what happens; ``name`` ends in ``_total``, after the unit if there is one."""
    _declare(Metric(name=name, kind="counter", help=text, labels=labels, unit=unit))
    return Counter(name, text, labels, unit=unit, registry=REGISTRY)


def gauge(name: str, text: str, *labels: str, unit: str = "") -> Gauge:
    """How many there are now."""
    _declare(Metric(name=name, kind="gauge", help=text, labels=labels, unit=unit))
    return Gauge(name, text, labels, unit=unit, registry=REGISTRY)


def histogram(
    name: str, text: str, *labels: str, buckets: tuple[float, ...], unit: str = "seconds"
) -> Histogram:
    """Times what happens; ``buckets`` are upper bounds in the unit."""
    _declare(Metric(name=name, kind="histogram", help=text, labels=labels, unit=unit))
    return Histogram(name, text, labels, unit=unit, buckets=buckets, registry=REGISTRY)


def read(name: str, text: str, *labels: str, unit: str = "", scope: Scope = "process") -> Metric:
    """A metric whose values are read when somebody asks; a counter if its name ends in _total."""
    kind: Kind = "counter" if name.endswith("_total") else "gauge"
    metric = Metric(name=name, kind=kind, help=text, labels=labels, unit=unit, scope=scope)
    _declare(metric)
    return metric


def _declare(metric: Metric) -> None:
    """Raises: TypeError: the name is taken, or does not end in the unit."""
    if metric.name in DECLARED:
        raise TypeError(f"metric {metric.name} is declared twice")
    if metric.unit and not metric.family.endswith(f"_{metric.unit}"):
        raise TypeError(f"metric {metric.name} does not end in {metric.unit}")
    DECLARED[metric.name] = metric


class Names:
    """The first ``most`` values that a label has had; every further one is called `OTHER`.

    Any thread may ask. A value is remembered until the process ends, as its series are.
    """

    def __init__(self, known: Iterable[str] = (), *, most: int = MAX_NAMES) -> None:
        self._known = set(known)
        self._most = most
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """``value`` as a label has it."""
        if value in self._known:
            return value
        with self._lock:
            if value and len(self._known) < self._most:
                self._known.add(value)
                return value
        return OTHER
