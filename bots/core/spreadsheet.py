"""Cells of CSV files that people open in a spreadsheet, which takes some texts for formulas.

Source: OWASP, CSV injection; CVE-2021-41270.
"""

import re

_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - full-width forms count as well
_HARMLESS = re.compile(r"\+[1-9][0-9]{1,14}|-?[0-9]+(?:\.[0-9]+)?")
"""A number of ITU-T E.164, or a plain number."""
_QUOTE = "'"


def cell(value: object) -> str:
    """``value`` as a spreadsheet shows it: what could be a formula begins with an apostrophe.

    Telephone numbers in international form and plain numbers stay as they are. Nothing is a cell
    without text.
    """
    text = "" if value is None else str(value)
    if _HARMLESS.fullmatch(text) or text.lstrip(" \u00a0\u3000")[:1] not in _FORMULA | {_QUOTE}:
        return text
    return _QUOTE + text


def content(text: str) -> str:
    """What `cell` was given, from the cell it made."""
    return text[1:] if text.startswith(_QUOTE) and cell(text[1:]) == text else text
