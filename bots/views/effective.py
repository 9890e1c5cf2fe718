"""What calls to a bot use: every parameter with its origin, and placeholders tried out."""

import json
import re
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from pydantic import SecretStr

from bots.core.errors import ParameterError
from bots.core.params.resolve import MASK
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.inspection import Inspection, Row, inspect
from bots.selectors import bot_parameters
from bots.services.evaluation import SampleCall
from bots.services.evaluation import evaluate as evaluated
from bots.views.one_bot import bot_context, reached_bot

_HEADER = re.compile(r"([A-Za-z0-9.!%*_+`'~-]+)[ \t]*:[ \t]*(.*)")


class SampleForm(forms.Form):
    """The made-up call that placeholders are evaluated with."""

    caller = forms.CharField(
        label=_("Caller"), required=False, max_length=200, initial="+15550100", strip=True
    )
    callee = forms.CharField(
        label=_("Called"), required=False, max_length=200, initial="+15550199", strip=True
    )
    headers = forms.CharField(
        label=_("SIP headers"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "X-Customer: 4711"}),
        help_text=_("One on each line; the bot sees those that sipHeadersToBot names."),
    )
    template = forms.CharField(
        label=_("Another text"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": "https://…/${botMessageMetadata.caller}"}
        ),
        help_text=_("A text with ${…} to try before it is saved."),
    )

    def clean_headers(self) -> dict[str, list[str]]:
        """The headers by name, several of a name in their order."""
        found: dict[str, list[str]] = {}
        for line in self.cleaned_data["headers"].splitlines():
            if not line.strip():
                continue
            match = _HEADER.fullmatch(line.strip())
            if match is None:
                raise forms.ValidationError(
                    _("Write each header as Name: value; this is none: %(line)s"),
                    params={"line": line[:80]},
                )
            found.setdefault(match[1], []).append(match[2])
        return found


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def effective_page(request: HttpRequest, name: str) -> HttpResponse:
    """Every parameter of a bot; ``q`` and ``set=1`` in the URL say which are shown."""
    bot = reached_bot(request, name)
    found = inspect(bot)
    query, only_set = request.GET.get("q", "").strip(), request.GET.get("set") == "1"
    groups = [
        (group.title, [(row, _matches(row, query, only_set=only_set)) for row in group.rows])
        for group in found.groups
    ]
    context = bot_context(request, bot, "effective") | {
        "found": found,
        "sections": [(title, rows, any(shown for _, shown in rows)) for title, rows in groups],
        "query": query,
        "only_set": only_set,
        "set_count": sum(row.is_set for row in found.rows),
        "count": sum(1 for _ in found.rows),
        "json": _as_json(found),
        "sample": SampleForm(),
        "templates": [row for row in found.rows if row.parameter.param.placeholders],
    }
    return render(request, "bots/effective.html", context)


@require_POST
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def evaluate(request: HttpRequest, name: str) -> HttpResponse:
    """What the placeholders of a bot give for a made-up call; nothing is stored."""
    bot = reached_bot(request, name)
    form = SampleForm(request.POST)
    context: dict[str, Any] = {"bot": bot, "form": form}
    if form.is_valid():
        given = form.cleaned_data
        sample = SampleCall(
            fields={"caller": given["caller"], "callee": given["callee"]},
            sip_headers=given["headers"],
        )
        extra = given["template"] if asking(request).may(Permission.WRITE_CONFIGURATION) else ""
        try:
            resolved = bot_parameters(bot.name)
        except ParameterError as error:
            context["problems"] = error.problems
        else:
            found = evaluated(resolved, sample, extra=extra)
            context["evaluation"] = found
            context["fields"] = json.dumps(found.fields, indent=2, ensure_ascii=False)
    return render(request, "bots/_evaluation.html", context)


def _matches(row: Row, query: str, *, only_set: bool) -> bool:
    words = f"{row.name} {row.parameter.param.help}".lower()
    return query.lower() in words and (row.is_set or not only_set)


def _as_json(found: Inspection) -> str:
    """Values and origins as one object by wire name, secrets masked."""
    rows = {
        row.name: {
            "value": (MASK if row.value.get_secret_value() else "")
            if isinstance(row.value, SecretStr)
            else row.value,
            "origin": " ".join(filter(None, (row.source.place, row.source.name))),
        }
        for row in found.rows
    }
    return json.dumps(rows, indent=2, ensure_ascii=False)
