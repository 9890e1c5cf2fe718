"""Placeholders tried out with a made-up call (bots.services.evaluation)."""

from typing import Any

import pytest

from bots.core import catalogue
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer, resolve
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.start_fields import start_fields
from bots.services.evaluation import Evaluation, SampleCall, evaluate

pytestmark = pytest.mark.speech

SAMPLE = SampleCall(
    fields={"caller": "+4921154591991", "callee": "+15550199"},
    sip_headers={"X-Customer": ["4711", "4712"]},
)


def tried(extra: str = "", **values: Any) -> Evaluation:
    layer = Layer(Level.BOT, "bot demo", values)
    return evaluate(resolve(catalogue.everything(), [layer]), SAMPLE, extra=extra)


def test_templates_are_filled_with_the_data_of_the_call() -> None:
    found = tried(
        sendMetaDataUrl="https://crm.example/${botMessageMetadata.customer}?${1 + 1}",
        sipHeadersToBot={"customer": "x-customer.1"},
    )
    assert found.fields["numberMetaData"]["country"] == "DE"
    (result,) = found.results
    assert (result.name, result.text, result.problem) == (
        "sendMetaDataUrl",
        "https://crm.example/4712?2",
        "",
    )


def test_a_template_that_fails_and_one_that_never_ends_say_so() -> None:
    found = tried(
        "${[].reverse.call({length: 2 ** 53 - 1})}", sendMetaDataUrl="${botMessageMetadata.a.b}"
    )
    failed, endless = found.results
    assert "undefined" in failed.problem
    assert (endless.name, endless.problem) == ("", "the expression was not done after 1 s")


def test_texts_without_placeholders_are_not_looked_at() -> None:
    assert tried(sendMetaDataUrl="https://crm.example").results == ()
    (extra,) = tried("plain").results
    assert extra.text == "plain"


def test_start_fields_hold_only_headers_that_are_wanted_and_there() -> None:
    wanted = CallInitiation.model_validate(
        {
            "sendNumberMetaData": False,
            "sipHeadersToBot": {"a": "X-A", "second": "X-A.1", "third": "X-A.2", "b": "X-B"},
        }
    )
    headers = {"x-a": ["1", "2"], "X-C": ["3"]}
    assert start_fields(wanted, {"caller": "x"}, headers) == {
        "caller": "x",
        "a": "1",
        "second": "2",
    }
