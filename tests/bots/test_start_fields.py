"""What a call is known by when it begins."""

import pytest

from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.start_fields import start_fields

pytestmark = pytest.mark.pure


def test_the_callers_number_is_described_if_it_is_one() -> None:
    wanted = CallInitiation(sendNumberMetaData=True)

    known = start_fields(wanted, {"caller": "+4930123456"}, {})
    unknown = start_fields(wanted, {"caller": "anonymous"}, {})

    assert known["numberMetaData"]["countryCallingCode"] == "49"
    assert unknown == {"caller": "anonymous"}


def test_nothing_is_said_of_the_number_if_the_bot_does_not_want_it() -> None:
    wanted = CallInitiation(sendNumberMetaData=False)

    assert start_fields(wanted, {"caller": "+4930123456"}, {}) == {"caller": "+4930123456"}


def test_headers_become_fields_by_name_and_place() -> None:
    wanted = CallInitiation(
        sendNumberMetaData=False,
        sipHeadersToBot={"first": "x-order", "second": "X-Order.1", "third": "X-Order.2"},
    )

    fields = start_fields(wanted, {}, {"X-Order": ("7", "8")})

    assert fields == {"first": "7", "second": "8"}
