"""How a conversation begins: what the bot is told first, and what is known of the call."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import PlaceholderError
from calls.core import start
from calls.core.scopes import Scopes
from calls.core.start import Beginning
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

CALLER = {"caller": "+4921154591991", "callee": "+15550199"}
HEADERS = {
    "X-Contact-ID": ("c-42",),
    "P-Asserted-Identity": ("<sip:jane@example.com>", "<tel:+15550100>"),
}


def begin(
    *,
    started: Activity | None = None,
    headers: dict[str, tuple[str, ...]] | None = None,
    **values: Any,
) -> Beginning:
    """The beginning of a call with these parameters; by default without number metadata."""
    params = Scopes(configured(**({"sendNumberMetaData": False} | values)))
    started = started or activities.event("start", id="7", language="de-DE", parameters=CALLER)
    return start.beginning(started, headers or {}, params)


def test_the_bot_is_told_what_the_voice_side_told() -> None:
    begun = begin()

    assert begun.initial == activities.event("start", id="7", language="de-DE", parameters=CALLER)
    assert begun.fields == CALLER


def test_the_voice_sides_own_fields_are_left_as_they_were() -> None:
    started = activities.event("start", parameters=dict(CALLER))
    begin(started=started, headers=HEADERS, sipHeadersToBot={"caller": "X-Contact-ID"})

    assert started.parameters == CALLER


def test_the_callers_number_is_explained() -> None:
    begun = begin(sendNumberMetaData=True)

    assert begun.initial is not None
    assert begun.initial.parameters == begun.fields
    number = begun.fields["numberMetaData"]
    assert (number["country"], number["type"], number["valid"]) == ("DE", "FIXED_LINE", True)


@pytest.mark.parametrize(
    ("caller", "region", "country"),
    [("0211 54591991", "DE", "DE"), ("0211 54591991", "", None), ("anonymous", "DE", None)],
)
def test_a_national_number_is_explained_when_its_country_is_known(
    caller: str, region: str, country: str | None
) -> None:
    started = activities.event("start", parameters={"caller": caller})
    begun = begin(started=started, sendNumberMetaData=True, numberRegion=region)

    assert begun.fields.get("numberMetaData", {}).get("country") == country


def test_a_call_without_fields_begins_too() -> None:
    begun = begin(started=activities.event("start"), sendNumberMetaData=True)

    assert begun.fields == {}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("X-Contact-ID", "c-42"),
        ("x-contact-id", "c-42"),
        ("P-Asserted-Identity", "<sip:jane@example.com>"),
        ("P-Asserted-Identity.1", "<tel:+15550100>"),
        ("P-Asserted-Identity.2", None),
        ("X-Absent", None),
    ],
)
def test_a_field_is_filled_from_a_header_by_name_and_index(source: str, value: str | None) -> None:
    begun = begin(headers=HEADERS, sipHeadersToBot={"id": source})

    assert begun.fields.get("id") == value


def test_a_header_may_replace_a_field() -> None:
    begun = begin(headers=HEADERS, sipHeadersToBot={"caller": "P-Asserted-Identity.1"})

    assert begun.fields["caller"] == "<tel:+15550100>"


def test_the_initial_activity_may_be_another_one() -> None:
    begun = begin(initialActivity={"name": "callOpened", "value": {"line": 7}})

    assert begun.initial == activities.event("callOpened", value={"line": 7})
    assert begun.fields == CALLER, "placeholders still know the call"


def test_the_initial_activity_may_be_disabled() -> None:
    begun = begin(sendInitialActivity=False, initialActivity={"name": "callOpened"})

    assert begun == Beginning(None, CALLER)


def test_the_address_for_metadata_is_filled_from_the_fields() -> None:
    params = Scopes(configured(sendMetaDataUrl="https://crm.example/${botMessageMetadata.callee}"))

    assert start.meta_data_url(params, CALLER) == "https://crm.example/+15550199"


def test_without_an_address_nothing_is_filled() -> None:
    assert start.meta_data_url(Scopes(configured()), CALLER) == ""


def test_an_expression_that_fails_is_told() -> None:
    params = Scopes(configured(sendMetaDataUrl="https://crm.example/${botMessageMetadata.a.b}"))

    with pytest.raises(PlaceholderError):
        start.meta_data_url(params, CALLER)


@pytest.mark.parametrize(
    ("values", "language"),
    [({"language": "de-DE"}, "de-DE"), ({"language": "de-DE", "sttLanguage": "fr-FR"}, "fr-FR")],
)
def test_the_hello_is_in_the_callers_language(values: dict[str, str], language: str) -> None:
    hello = start.hello(Scopes(configured(initialMessage="hello", **values)))

    assert hello == activities.message("hello", language=language)


def test_most_bots_need_no_hello() -> None:
    assert start.hello(Scopes(configured())) is None
