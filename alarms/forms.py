"""Forms of the pages about rules and destinations of alarms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import MAX_TEXT_CHARS, AlarmType
from alarms.core.patterns import MAX_PATTERNS
from alarms.core.rules import RANGES, Rule
from alarms.core.severity import Severity
from alarms.models import Destination
from alarms.services.building import params_known
from bots import credentials
from bots.core.params import presentation
from bots.core.params.declare import Declared, ParamSet
from bots.core.params.presentation import Control
from bots.core.registry import Plugin

SEVERITIES = [each for each in sorted(Severity, reverse=True) if each is not Severity.CLEAR]


class Lines(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """The list as it stands in the control."""
        return "\n".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> Any:
        """The lines that are not empty, each once."""
        lines = str(super().clean(value) or "").splitlines()
        return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _patterns(label: Any, help_text: Any) -> Lines:
    longest = MAX_PATTERNS * 202
    return Lines(label=label, required=False, max_length=longest, help_text=help_text)


def _severity(first: Sequence[tuple[str, Any]] = (), **more: Any) -> forms.TypedChoiceField:
    choices = [(str(each.value), _(each.title)) for each in SEVERITIES]
    return forms.TypedChoiceField(
        label=_("Severity"), choices=[*first, *choices], coerce=int, empty_value=None, **more
    )


# --- rules ----------------------------------------------------------------------------------------


def _number(label: Any, name: str, help_text: Any) -> forms.IntegerField:
    least, most = RANGES[name]
    return forms.IntegerField(
        label=label, required=False, min_value=least, max_value=most, help_text=help_text
    )


class RuleForm(forms.Form):
    """What is customised about one type; an empty field is as declared."""

    enabled = forms.BooleanField(label=_("Raise this alarm"), required=False)
    sources = _patterns(
        _("Only these entities"), _("Names, one on each line; * stands for any text. Empty: all.")
    )
    severity = _severity(first=[("", "")], required=False)
    text = forms.CharField(
        label=_("Text"),
        required=False,
        max_length=MAX_TEXT_CHARS,
        help_text=_("{source} is what the alarm is about, {detail} what exactly is wrong."),
    )
    count = _number(_("Failures"), "count", _("So many must there be."))
    window_s = _number(_("Within"), "window_s", _("They count together within this time."))
    hold_off_s = _number(
        _("Hold-off"), "hold_off_s", _("A condition that is watched must hold for so long.")
    )
    clear_after_s = _number(
        _("Clear delay"), "clear_after_s", _("So long nothing must be wrong before it clears.")
    )
    revision = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20)

    def __init__(self, *args: Any, kind: AlarmType, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        severity: Any = self.fields["severity"]
        as_declared = gettext("As declared: %(severity)s")
        name = gettext(kind.severity.title)
        severity.choices = [("", as_declared % {"severity": name}), *list(severity.choices)[1:]]
        self.fields["text"].widget.attrs |= {"placeholder": gettext(kind.text)}
        for name in RANGES:
            self.fields[name].widget.attrs |= {
                "placeholder": f"{getattr(kind, name):g}",
                "inputmode": "numeric",
            }

    def rule(self) -> Rule:
        """What was entered, once the form is valid."""
        return Rule(**{name: self.cleaned_data[name] for name in Rule.__struct_fields__})

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show ``problems`` of the service at their fields."""
        _refuse(self, problems)


def rule_values(rule: Rule, revision: int) -> dict[str, Any]:
    """``rule`` as `RuleForm` shows it."""
    return {**msgspec.structs.asdict(rule), "revision": str(revision)}


# --- destinations ---------------------------------------------------------------------------------


class DestinationForm(forms.Form):
    """Of what a destination is told; how it is reached depends on its notifier, see `settings`."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("Lower-case letters, digits, - and _. It cannot be changed later."),
    )
    enabled = forms.BooleanField(label=_("In use"), required=False, initial=True)
    min_severity = _severity(
        initial=str(Severity.WARNING.value),
        help_text=_("Of alarms that are less severe it is not told."),
    )
    types = forms.MultipleChoiceField(
        label=_("Only these alarms"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: all of them."),
    )
    sources = _patterns(
        _("Only these sources"),
        _("Names or sources such as bot:retail or provider:azure-*, one on each line. Empty: all."),
    )
    resend_minutes = forms.IntegerField(
        label=_("Send all active alarms again every"),
        min_value=0,
        max_value=10_080,
        initial=0,
        help_text=_("0: never. For receivers that forget, or lose traps."),
    )

    def __init__(self, *args: Any, destination: Destination | None = None, **kwargs: Any) -> None:
        if destination is not None:
            kwargs["initial"] = {
                "name": destination.name,
                "enabled": destination.enabled,
                "min_severity": str(destination.min_severity),
                "types": destination.types,
                "sources": destination.sources,
                "resend_minutes": destination.resend_minutes,
            }
        super().__init__(*args, **kwargs)
        self.fields["min_severity"].label = _("At least this severe")
        types: Any = self.fields["types"]
        types.choices = [(kind.name, gettext(kind.title)) for kind in CATALOGUE.values()]
        if destination is not None:
            del self.fields["name"]

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show ``problems`` of the service at their fields."""
        _refuse(self, problems)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a notifier in the form."""

    name: str
    title: str
    help: str
    control: Control
    text: str = ""
    picked: tuple[str, ...] = ()
    problem: str = ""


def settings(
    plugin: Plugin,
    held: Mapping[str, Any],
    post: QueryDict | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[Setting]:
    """Every parameter of ``plugin``: as sent, or as ``held``, or else with its default."""
    return _settings(plugin.params, params_known(plugin), held, post, problems or {})


def open_credentials(
    plugin: Plugin,
    held: Mapping[str, Any],
    post: QueryDict | None = None,
    problems: Mapping[str, str] | None = None,
) -> list[Setting]:
    """The credentials of ``plugin`` that are no secrets, such as the name of a user."""
    shown = [each for each in credentials.known(plugin) if not each.param.secret]
    return _settings(plugin.credentials, shown, held, post, problems or {})


def _settings(
    section: type[ParamSet],
    shown: Iterable[Declared],
    held: Mapping[str, Any],
    post: QueryDict | None,
    problems: Mapping[str, str],
) -> list[Setting]:
    values = {**section().model_dump(mode="json", by_alias=True), **held}
    return [
        _setting(each, values[each.wire_name], post, problems.get(each.wire_name, ""))
        for each in shown
    ]


def _setting(each: Declared, value: Any, post: QueryDict | None, problem: str) -> Setting:
    name, control = each.wire_name, presentation.fitting(presentation.control(each), value)
    texts = [presentation.written(control, value)] if control.kind != "picks" else value
    if post is not None:
        texts = post.getlist(f"p.{name}")
    return Setting(
        name=name,
        title=presentation.title(name, each.param.unit),
        help=each.param.help,
        control=control,
        text=texts[-1] if texts and control.kind != "picks" else "",
        picked=tuple(texts) if control.kind == "picks" else (),
        problem=problem,
    )


def given_settings(
    rows: Iterable[Setting], post: QueryDict
) -> tuple[dict[str, Any], dict[str, str]]:
    """The parameters that were sent, and what is no value at all, by wire name."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for row in rows:
        try:
            values[row.name] = presentation.read(row.control, post.getlist(f"p.{row.name}"))
        except ValueError as error:
            problems[row.name] = str(error)
    return values, problems


def _refuse(form: forms.Form, problems: Mapping[str, str]) -> None:
    for name, text in problems.items():
        form.add_error(name if name in form.fields else None, text)
