"""Words for what the console compares: fields of bots, providers and routes, kinds of places."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from bots.core.differences import Changes

SETTINGS = {
    "access_mode": _("Callers must present"),
    "base": _("Inherits from"),
    "bot": _("Bot"),
    "carrier_provider": _("Carrier of outbound calls"),
    "display_name": _("Display name"),
    "enabled": _("Takes calls"),
    "header_name": _("SIP header"),
    "header_value": _("Value of the header"),
    "host": _("Host"),
    "is_base": _("Is a base bot"),
    "kind": _("Kind"),
    "note": _("Note"),
    "pattern": _("Called number"),
    "plugin": _("Plug-in"),
    "priority": _("Priority"),
    "provider": _("Bot framework"),
    "stt_provider": _("Speech to text"),
    "tts_provider": _("Text to speech"),
    "vad_provider": _("Voice activity detection"),
}
"""Fields in words, by name."""


def what_changed(changes: Changes) -> str:
    """``changes`` in a few words: ``3 parameters, Inherits from``."""
    words = []
    if count := len(changes.parameters):
        words.append(
            ngettext("%(count)d parameter", "%(count)d parameters", count) % {"count": count}
        )
    words += [str(SETTINGS[each.name]) for each in changes.settings]
    return ", ".join(words)
