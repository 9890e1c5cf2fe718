"""Outbound calls in words: states, ends, who asked for them, what became of notifications."""

from datetime import timedelta

from django import template
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext

from bots.models import Delivery
from calls.core.dialout import FINAL, State
from calls.models import Dialout, DialoutEvent
from calls.templatetags.calls import clock

register = template.Library()

SOON = timedelta(minutes=1)
"""A page is kept up to date for calls that are to be placed within this time."""


@register.filter
def state_words(dialout: Dialout | DialoutEvent) -> str:
    """How far it is, in a word or two; a queued one whose time is to come is scheduled."""
    if dialout.state == State.QUEUED and getattr(dialout, "not_before", now()) > now():
        return gettext("scheduled")
    return named_state(dialout.state)


@register.filter
def named_state(state: str) -> str:
    """A state in words."""
    words = {
        State.QUEUED: gettext("queued"),
        State.PLACING: gettext("being placed"),
        State.DIALING: gettext("ringing"),
        State.ANSWERED: gettext("in conversation"),
        State.COMPLETED: pgettext("outbound call", "completed"),
        State.FAILED: gettext("not reached"),
        State.CANCELLED: pgettext("outbound call", "cancelled"),
    }
    return words[State(state)]


@register.filter
def reason_words(code: str) -> str:
    """How an outbound call ended."""
    words = {
        "no-answer": gettext("Nobody answered"),
        "busy": gettext("Busy"),
        "declined": gettext("Declined"),
        "error": gettext("An error"),
        "client-disconnected": gettext("The called party hung up"),
        "bot-disconnected": gettext("The bot ended the call"),
        "transferred": gettext("Transferred"),
        "machine-detected": gettext("A machine answered"),
        "cancelled": gettext("Cancelled before it was answered"),
    }
    return words.get(code, code)


@register.filter
def tone(dialout: Dialout) -> str:
    """How the state is coloured: ``waiting``, ``busy``, ``live``, ``good``, ``bad``, ``quiet``."""
    match State(dialout.state):
        case State.QUEUED:
            return "waiting"
        case State.PLACING | State.DIALING:
            return "busy"
        case State.ANSWERED:
            return "live"
        case State.COMPLETED:
            return "bad" if dialout.reason_code == "error" else "good"
        case State.FAILED:
            return "bad" if dialout.reason_code == "error" else "quiet"
        case _:
            return "quiet"


@register.filter
def moves(dialout: Dialout) -> bool:
    """Whether its state will change within minutes."""
    waits = dialout.state == State.QUEUED and dialout.not_before > now() + SOON
    return State(dialout.state) not in FINAL and not waits


@register.filter
def number(target: str) -> str:
    """A target as people write it: a ``tel:`` URI without its scheme."""
    return target.removeprefix("tel:")


@register.filter
def asker(dialout: Dialout) -> str:
    """Who asked for it; a client by its name, as long as there is one."""
    return dialout.client.name if dialout.client is not None else dialout.requested_by


@register.filter
def talked(dialout: Dialout) -> str:
    """How long the conversation lasted, or has lasted so far; empty if it was never answered."""
    if dialout.answered_at is None:
        return ""
    return clock((dialout.ended_at or now()) - dialout.answered_at)


@register.filter
def delivery_words(delivery: Delivery) -> str:
    """What became of a notification."""
    words = {
        Delivery.State.WAITING: gettext("waiting"),
        Delivery.State.DELIVERED: gettext("delivered"),
        Delivery.State.DEAD: gettext("given up"),
    }
    return words[Delivery.State(delivery.state)]
