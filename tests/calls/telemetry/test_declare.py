"""How metrics are declared."""

import pytest
from prometheus_client import CollectorRegistry

from calls.telemetry import declare
from calls.telemetry.declare import DECLARED, OTHER, Names, counter, gauge, histogram, read
from calls.telemetry.families import Sample

pytestmark = pytest.mark.pure


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declare, "DECLARED", {})
    monkeypatch.setattr(declare, "REGISTRY", CollectorRegistry())


def test_a_name_is_declared_once() -> None:
    gauge("gateway_tries", "Tries.")
    for again in (gauge, read):
        with pytest.raises(TypeError, match="gateway_tries is declared twice"):
            again("gateway_tries", "Tries.")


def test_a_name_ends_in_its_unit() -> None:
    counter("gateway_talk_seconds_total", "Talk.", unit="seconds")
    histogram("gateway_try_seconds", "A try.", buckets=(1.0,))
    with pytest.raises(TypeError, match="does not end in seconds"):
        read("gateway_age", "Age.", unit="seconds")


def test_what_is_read_is_a_counter_by_its_name() -> None:
    total = read("gateway_tries_total", "Tries.", "kind")
    assert (total.kind, total.family) == ("counter", "gateway_tries")
    family = total.of({("a",): 1, ("b",): 2})
    assert family.samples == [
        Sample("gateway_tries_total", {"kind": "a"}, 1.0),
        Sample("gateway_tries_total", {"kind": "b"}, 2.0),
    ]
    assert read("gateway_age", "Age.").kind == "gauge"


def test_values_have_as_many_parts_as_there_are_labels() -> None:
    with pytest.raises(ValueError, match="zip"):
        read("gateway_tries_total", "Tries.", "kind").of({(): 1})


def test_a_label_that_people_choose_has_a_bound() -> None:
    names = Names(["known"], most=3)
    given = ["a", "known", "b", "a", "c", "b", ""]
    assert [names(each) for each in given] == ["a", "known", "b", "a", OTHER, "b", OTHER]


def test_every_metric_of_the_gateway_is_called_so() -> None:
    for metric in DECLARED.values():
        assert metric.name.startswith("gateway_")
        assert metric.help.endswith(".") or metric.name == "gateway_build_info"
        assert not {"process", "le"} & set(metric.labels)
