"""Telephone numbers: what can be told of one without asking anybody.

The fields are those that Cognigy gives its bots, and they are those of the JavaScript library
libphonenumber-js with its full metadata. Source: Cognigy.AI documentation, "Number metadata".
"""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from bots.core.activities import Json

_NO_COUNTRY = "001"
"""The library's region of numbers that belong to no country, such as +800."""


def is_region(name: str) -> bool:
    """Whether ``name`` is a country (ISO 3166-1 alpha-2, capitals) with telephone numbers."""
    return name in phonenumbers.SUPPORTED_REGIONS


def number_meta_data(number: str, region: str = "") -> Json | None:
    """Country, type and validity of ``number``; None when it cannot be read as one.

    ``region``: the country (see `is_region`) of numbers without a country code; without it they
    cannot be read.
    """
    try:
        parsed = phonenumbers.parse(number, region or None)
    except NumberParseException:
        return None
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    found: Json = {
        "number": e164,
        "countryCallingCode": str(parsed.country_code),
        # NB not parsed.national_number, which loses the leading zeros of Italian numbers.
        "nationalNumber": phonenumbers.national_significant_number(parsed),
        "valid": phonenumbers.is_valid_number(parsed),
        # NB not the library's RFC 3966 format, which puts hyphens into the number.
        "uri": f"tel:{e164}",
    }
    country = phonenumbers.region_code_for_number(parsed)
    if country not in (None, _NO_COUNTRY):
        found["country"] = country
    kind = phonenumbers.number_type(parsed)
    if kind != PhoneNumberType.UNKNOWN:
        found["type"] = PhoneNumberType.to_string(kind)
    if parsed.extension:
        found["ext"] = parsed.extension
        found["uri"] += f";ext={parsed.extension}"
    return found
