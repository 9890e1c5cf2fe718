"""Marking of texts that people see, on a floor that knows no framework."""


def gettext_noop(text: str) -> str:
    """The text itself; its name puts it into the catalogue of translations.

    Pages translate it where they show it: ``{% translate variable %}``.
    """
    return text
