"""Parameters and fields of bots in words."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext

from bots.core import catalogue
from bots.core.params import presentation
from bots.core.params.merging import ABSENT

register = template.Library()


@register.filter
def field_title(name: str) -> str:
    """A parameter's wire name or a field's name as people read it."""
    known = catalogue.everything()
    if name in known:
        return presentation.title(name, known[name].param.unit)
    titles = {
        "name": gettext("Name"),
        "display_name": gettext("Display name"),
        "is_base": gettext("Base bot"),
        "enabled": gettext("Takes calls"),
        "access_mode": gettext("Callers must present"),
        "base": gettext("Inherits from"),
        "provider": gettext("Bot framework"),
        "stt_provider": gettext("Speech to text"),
        "tts_provider": gettext("Text to speech"),
        "vad_provider": gettext("Voice activity detection"),
        "carrier_provider": gettext("Carrier of outbound calls"),
        "message": gettext("Message"),
        "params": gettext("Own values"),
    }
    return titles.get(name, name)


@register.filter
def is_parameter(name: str) -> bool:
    """Whether ``name`` is a wire name."""
    return name in catalogue.everything()


@register.filter
def unit_of(name: str) -> str:
    """The unit of a parameter, if it has one."""
    known = catalogue.everything()
    return known[name].param.unit if name in known else ""


@register.filter
def in_short(value: Any) -> str:
    """A value in one short line."""
    return gettext("not set") if value is ABSENT else worded(presentation.short(value))


@register.filter
def worded(text: str) -> str:
    """A word that stands for a value in the reader's language; any other text as it is."""
    if not isinstance(text, presentation.Word):
        return text
    words = {
        "on": pgettext("value of a parameter", "on"),
        "off": pgettext("value of a parameter", "off"),
        "none": pgettext("value of a parameter", "none"),
        "empty": pgettext("value of a parameter", "empty"),
        "empty list": pgettext("value of a parameter", "empty list"),
    }
    return words[text]


@register.filter
def figure(number: float) -> str:
    """A number as people read it: ``14,400,000``, ``0.5``; in German ``14.400.000``, ``0,5``."""
    if number == int(number):
        return number_format(int(number), force_grouping=True)
    return number_format(f"{number:g}")


@register.filter
def parts(text: str) -> list[tuple[str, bool]]:
    """``text`` cut at backticks; each part with whether it stood between two of them."""
    return [(part, bool(place % 2)) for place, part in enumerate(text.split("`")) if part]


@register.filter
def lines_for(text: str) -> int:
    """How many lines a text box needs to show ``text``: from 2 to 14."""
    return min(14, max(2, text.count("\n") + 1 + len(text) // 400))
