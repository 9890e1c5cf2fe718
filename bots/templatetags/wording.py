"""Words for what is configured, in templates."""

from django import template

from bots.views.wording import SETTINGS

register = template.Library()


@register.filter
def setting(name: str) -> str:
    """The field ``name`` of a bot, provider or route in words."""
    return str(SETTINGS[name])
