"""What every page of the console needs to show: icons, times, what a person may do."""

from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from bots.core.roles import Permission, Role
from bots.people import Person
from gateway_project.navigation import Page

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """The icon ``name`` of the sprite; decoration only, so it needs words beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        extra,
        static("console/icons.svg"),
        name,
    )


@register.simple_tag
def moment(value: datetime, show: str = "time") -> SafeString:
    """A ``<time>`` that the browser turns into its own zone; UTC until then.

    ``show`` is ``time``, ``full`` or ``ago``.
    """
    text = f"{value:%d %b %Y %H:%M:%S} UTC"
    stamp = value.isoformat(timespec="milliseconds")
    return format_html('<time datetime="{}" data-show="{}">{}</time>', stamp, show, text)


@register.filter
def may(who: Person, permission: str) -> bool:
    """Whether ``who`` may do that: ``{% if who|may:"calls.live" %}``.

    Raises:
        ValueError: there is no such permission.
    """
    return who.may(Permission(permission))


@register.filter
def holds(page: Page, view_name: str) -> bool:
    """Whether the page called ``view_name`` belongs to ``page`` of the rail."""
    return page.is_at(view_name or "")


@register.filter
def grants(role: Role, permission: Permission) -> bool:
    """Whether ``role`` includes ``permission``."""
    return permission in role.grants
