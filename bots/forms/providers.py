"""Forms of the pages about providers."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.core import registry
from bots.core.params import presentation
from bots.core.params.resolve import MASK
from bots.core.registry import Plugin
from bots.credentials import Credential, State, is_reference, reference, states

KINDS = {
    "bot": _("Bot framework"),
    "stt": _("Speech to text"),
    "tts": _("Text to speech"),
    "vad": _("Voice activity"),
    "carrier": _("Carrier of outbound calls"),
}


class FilterForm(forms.Form):
    """Which providers are listed."""

    q = forms.CharField(label=_("Name"), required=False)
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("All")), *KINDS.items()]
    )
    plugin = forms.ChoiceField(label=_("Plug-in"), required=False)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("All")),
            ("passed", _("Last test passed")),
            ("failed", _("Last test failed")),
            ("untested", _("Never tested")),
            ("credentials", _("Credentials missing or unreadable")),
            ("unused", _("Not used by any bot")),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = {plugin.name: plugin.title for plugin in registry.plugins() if plugin.kind in KINDS}
        chosen: Any = self.fields["plugin"]
        chosen.choices = [("", _("All")), *sorted(names.items(), key=lambda each: each[1])]

    def wanted(self) -> dict[str, str]:
        """The conditions that are set; what cannot be read sets none."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class NameForm(forms.Form):
    """What a new provider is called."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("Lower-case letters, digits, - and _. It cannot be changed later."),
    )


# --- credentials ----------------------------------------------------------------------------------


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One credential in the form; ``how`` is what is done with it, ``url`` what was typed."""

    credential: Credential
    title: str
    how: str
    url: str = ""
    text: str = ""
    problem: str = ""

    @property
    def stored(self) -> bool:
        """Whether there is something that can be kept."""
        return self.credential.state not in (State.MISSING, State.UNREADABLE)


def asked(
    plugin: Plugin,
    held: Mapping[str, Any],
    post: QueryDict | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[Asked]:
    """Every credential of ``plugin`` as the form shows it; secrets that were typed are not.

    ``held`` is what is stored.
    """
    wrong = problems or {}
    return [
        _asked(credential, post, wrong.get(credential.name, ""))
        for credential in states(plugin, held)
    ]


def _asked(credential: Credential, post: QueryDict | None, problem: str) -> Asked:
    name = credential.name
    if post is None:
        # A secret that nobody can read has to be given again.
        how = {State.MISSING: "none", State.UNREADABLE: "value"}.get(credential.state, "keep")
        url, text = credential.url, credential.shown
        how = "vault" if credential.url else how
    else:
        how, url = post.get(f"how.{name}", "none"), post.get(f"vault.{name}", "")
        text = "" if credential.declared.param.secret else post.get(f"value.{name}", "")
    return Asked(
        credential=credential,
        title=presentation.title(name),
        how=how,
        url=url,
        text=text,
        problem=problem,
    )


def given(
    rows: Iterable[Asked], post: QueryDict, held: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The credentials that were sent, as the service takes them, and what is none at all."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for row in rows:
        name = row.credential.name
        try:
            value = _given(row, post, held)
        except ValueError as error:
            problems[name] = str(error)
        else:
            if value != "":
                values[name] = value
    return values, problems


def _given(row: Asked, post: QueryDict, held: Mapping[str, Any]) -> Any:
    declared = row.credential.declared
    name = declared.wire_name
    typed = post.get(f"value.{name}", "")
    if not declared.param.secret:
        return presentation.read(presentation.control(declared), [typed]) if typed else ""
    match post.get(f"how.{name}", "none"):
        case "keep":
            return held[name] if is_reference(held.get(name)) else MASK
        case "vault":
            return reference(post.get(f"vault.{name}", "").strip())
        case "value" if not typed:
            raise ValueError(gettext("is empty; type the secret, or choose that there is none"))
        case "value":
            return typed
        case _:
            return ""
