"""Template filters of the pages about deliveries."""

from typing import NamedTuple

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from bots.models import Delivery

register = template.Library()

_PAGES = {"call": "calls:detail", "dialout": "calls:dialout"}


class About(NamedTuple):
    """What a delivery tells of, and the page about that; no page: this version has none."""

    title: str
    url: str


@register.filter
def about(delivery: Delivery) -> About:
    """What ``delivery`` tells of, by its stream."""
    kind, _sep, key = delivery.stream.partition(":")
    titles = {"call": _("call %(key)s"), "dialout": _("outbound call %(key)s")}
    if kind not in titles:
        return About(delivery.stream, "")
    try:
        url = reverse(_PAGES[kind], args=[key])
    except NoReverseMatch:
        url = ""
    return About(titles[kind] % {"key": key[:8]}, url)
