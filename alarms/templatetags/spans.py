"""Lengths of time in templates."""

from datetime import timedelta

from django import template

from alarms.views.wording import span

register = template.Library()


@register.filter
def lasting(seconds: float) -> str:
    """``seconds`` in two units at most: ``{{ 90|lasting }}`` is ``1 min 30 s``."""
    return span(timedelta(seconds=seconds))
