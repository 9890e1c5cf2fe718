"""The console's page on which a person has a bot call somebody."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.params import presentation
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.models import Provider
from bots.people import Person
from bots.selectors import call_configuration, with_providers
from bots.usage import provider_uses
from calls.carriers.sandbox_numbers import CALLEES
from calls.core.callfilter import zone
from calls.core.dialling import (
    CALLER_CHARS,
    LONGEST_ANSWER_S,
    SHORTEST_ANSWER_S,
    TARGET_CHARS,
    USUAL_ANSWER_S,
    Wish,
)
from calls.dialout.runner import wake_runner
from calls.dialouts.asking import TooManyQueued, dialout_request
from calls.models import Dialout
from calls.templatetags.dialouts import number

SANDBOX = "sandbox"
"""The carrier whose numbers can be listed."""
_METADATA_CHARS = 20_000
_moment = partial(
    forms.DateTimeField,
    required=False,
    input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
)


class DialForm(forms.Form):
    """A call that is asked for; fields bear the names of the API where these are one word."""

    bot = forms.ChoiceField(label=_("Bot"))
    target = forms.CharField(label=_("Whom to call"), max_length=TARGET_CHARS)
    caller = forms.CharField(
        label=_("Caller"),
        required=False,
        max_length=CALLER_CHARS,
        help_text=_("The number that is shown to the called party."),
    )
    machine = forms.ChoiceField(
        label=_("If a machine answers"),
        choices=[
            ("disabled", _("Do not find out")),
            ("detect", _("Tell the bot")),
            ("disconnect", _("Hang up")),
        ],
    )
    timeout = forms.IntegerField(
        label=_("Let it ring for (s)"),
        min_value=SHORTEST_ANSWER_S,
        max_value=LONGEST_ANSWER_S,
        initial=USUAL_ANSWER_S,
    )
    first = _moment(label=_("Not before"), help_text=_("Empty: at once."))
    last = _moment(label=_("Not after"), help_text=_("Empty: one hour later."))
    metadata = forms.CharField(
        label=_("Metadata for the bot"),
        required=False,
        max_length=_METADATA_CHARS,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_('A JSON object, such as {"customer": 4711}. The bot gets it at the start.'),
    )

    def __init__(self, data: QueryDict | None, carriers: Mapping[str, Provider], bot: str) -> None:
        super().__init__(data, initial={"bot": bot})
        bots = forms.ChoiceField(label=_("Bot"), choices=[(name, name) for name in carriers])
        self.fields["bot"] = bots
        self.is_sandbox = bot in carriers and carriers[bot].plugin == SANDBOX
        if self.is_sandbox:
            choices = [(c.number, f"{c.number} · {gettext(c.summary)}") for c in CALLEES]
            self.fields["target"] = forms.ChoiceField(
                label=_("Whom to call"),
                choices=choices,
                help_text=_("The sandbox rings at nobody's place: these are its numbers."),
            )
        else:
            self.fields["target"].widget.attrs |= {"placeholder": "+15550100"}
            self.fields["target"].help_text = _("A number such as +15550100, or a sip: address.")

    def clean_metadata(self) -> dict[str, Any] | None:
        """The object that was written; None for nothing."""
        text = self.cleaned_data["metadata"]
        if not text:
            return None
        try:
            found = presentation.parsed(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        if not isinstance(found, dict):
            raise forms.ValidationError(gettext("must be an object of names and values"))
        return found

    def wish(self) -> Wish:
        """What is asked for, once the form is valid."""
        found = self.cleaned_data
        return Wish(
            bot=found["bot"],
            target=found["target"],
            caller=found["caller"],
            machine_detection=found["machine"],
            answer_timeout_s=found["timeout"],
            not_before=found["first"],
            not_after=found["last"],
            metadata=found["metadata"],
        )

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show what the gateway found wrong at the fields, which it knows by their API names."""
        for name, text in problems.items():
            field = _FIELDS.get(name, name)
            shown = field in self.fields
            words = gettext(text)
            self.add_error(field if shown else None, words if shown else f"{name}: {words}")


_FIELDS = {
    "answerTimeoutSec": "timeout",
    "machineDetection": "machine",
    "notBefore": "first",
    "notAfter": "last",
}


def _carriers(who: Person) -> dict[str, Provider]:
    """The bots that ``who`` may have call somebody, by name, and who places their calls."""
    uses = provider_uses(with_providers())
    found = {
        use.bot.name: carrier
        for carrier in Provider.objects.filter(kind=Provider.Kind.CARRIER)
        for use in uses.get(carrier.pk, [])
        if use.bot.enabled and not use.bot.is_base and who.reaches(use.bot.name)
    }
    return dict(sorted(found.items()))


def _usual_caller(bot: str) -> str:
    """The caller of the bot when none is given; empty if the bot does not work."""
    try:
        return call_configuration(bot).resolved[OutboundCalls].dialout_caller
    except (LookupError, ParameterError):
        return ""


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.PLACE_CALLS)
@never_cache
def dialout_new(request: HttpRequest) -> HttpResponse:
    """Say whom a bot is to call; ``bot`` in the address begins the form."""
    who = asking(request)
    carriers = _carriers(who)
    given = request.POST if request.method == "POST" else request.GET
    bot = given.get("bot", "")
    if request.method != "POST" and bot not in carriers:
        bot = next(iter(carriers), "")
    form = DialForm(request.POST if request.method == "POST" else None, carriers, bot)
    if request.method == "POST":
        with timezone.override(zone(dict(request.POST.lists()), get_current_timezone())):
            made = _asked(form, who) if form.is_valid() else None
        if made is not None:
            wake_runner()
            text = gettext("%(bot)s calls %(number)s as soon as there is a free line.")
            words = {"bot": made.bot_name, "number": number(made.target)}
            messages.success(request, text % words)
            return redirect("calls:dialout", made.pk)
    context = {
        "form": form,
        "carriers": carriers,
        "carrier": carriers.get(bot),
        "usual_caller": _usual_caller(bot) if bot in carriers else "",
    }
    return render(request, "dialouts/new.html", context, status=422 if form.is_bound else 200)


def _asked(form: DialForm, who: Person) -> Dialout | None:
    """The call that was queued; None: the form says why not."""
    try:
        with transaction.atomic():
            made = dialout_request(form.wish(), who=who, client=None, now=now())
            record(Action.DIALOUT_REQUESTED, kind="dialout", target=made.pk, title=str(made))
    except ParameterError as error:
        form.refuse(error.problems)
    except LookupError:
        form.add_error("bot", gettext("This bot takes no calls at present."))
    except TooManyQueued:
        text = gettext("So many calls wait for their turn that no more are taken. Try again later.")
        form.add_error(None, text)
    else:
        return made
    return None
