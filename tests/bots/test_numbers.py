"""Number metadata: the fields and values that libphonenumber-js gives for the same numbers."""

import pytest

from bots.core.numbers import is_region, number_meta_data

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("number", "country", "code", "national", "valid", "kind"),
    [
        ("+4921154591991", "DE", "49", "21154591991", True, "FIXED_LINE"),
        ("+4915112345678", "DE", "49", "15112345678", True, "MOBILE"),
        ("+4970012345678", "DE", "49", "70012345678", True, "PERSONAL_NUMBER"),
        ("+4932212345678", "DE", "49", "32212345678", True, "FIXED_LINE"),
        ("+12025550123", "US", "1", "2025550123", True, "FIXED_LINE_OR_MOBILE"),
        ("+18005551212", "US", "1", "8005551212", True, "TOLL_FREE"),
        ("+19005551234", "US", "1", "9005551234", True, "PREMIUM_RATE"),
        ("+16135550123", "CA", "1", "6135550123", True, "FIXED_LINE_OR_MOBILE"),
        ("+442079460958", "GB", "44", "2079460958", True, "FIXED_LINE"),
        ("+447911123456", "GG", "44", "7911123456", True, "MOBILE"),
        ("+448081570000", "GB", "44", "8081570000", True, "TOLL_FREE"),
        ("+390236618300", "IT", "39", "0236618300", True, "FIXED_LINE"),
        ("+918023456789", "IN", "91", "8023456789", True, "FIXED_LINE"),
        ("+80012345678", None, "800", "12345678", True, "TOLL_FREE"),
        ("+3318", "FR", "33", "18", False, None),
    ],
)
def test_a_number_tells_its_country_type_and_validity(
    number: str, country: str | None, code: str, national: str, *, valid: bool, kind: str | None
) -> None:
    expected = {
        "number": number,
        "country": country,
        "countryCallingCode": code,
        "nationalNumber": national,
        "valid": valid,
        "type": kind,
        "uri": f"tel:{number}",
    }
    known = {field: value for field, value in expected.items() if value is not None}
    assert number_meta_data(number) == known


def test_an_extension_is_told_beside_the_number_and_in_its_uri() -> None:
    found = number_meta_data("+4921154591991;ext=123")
    assert found is not None
    assert found["number"] == "+4921154591991"
    assert found["nationalNumber"] == "21154591991"
    assert found["ext"] == "123"
    assert found["uri"] == "tel:+4921154591991;ext=123"


@pytest.mark.parametrize("number", ["anonymous", "021154591991", "+999123456789", "", "+" * 5000])
def test_what_cannot_be_read_as_a_number_has_no_metadata(number: str) -> None:
    assert number_meta_data(number) is None


def test_a_number_in_national_format_is_read_with_the_region_of_its_line() -> None:
    assert number_meta_data("0211 54591991", "DE") == number_meta_data("+4921154591991")
    assert number_meta_data("+442079460958", "DE") == number_meta_data("+442079460958")


def test_a_region_is_a_country_in_capitals() -> None:
    assert is_region("DE")
    assert not any(map(is_region, ("de", "DEU", "XX", "001", "")))
