"""Numbers as people read them."""

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """``number`` with its thousands apart, as the reader's language does: ``10,000``."""
    return str(number_format(number, force_grouping=True))
