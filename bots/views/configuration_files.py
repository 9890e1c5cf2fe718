"""The configuration as a file: taking it out, and bringing one in after looking at what it does."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bots.core import catalogue
from bots.core.configuration_file import MalformedDocument, parse
from bots.core.roles import Permission
from bots.core.yaml_text import MAX_BYTES, Problem
from bots.guards import asking, is_confirmed, permitted, sent_to
from bots.services.export import configuration_export
from bots.services.import_configuration import Plan, StaleImport, configuration_import
from bots.services.traces import MAX_MESSAGE_CHARS


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def export_page(request: HttpRequest) -> HttpResponse:
    """The bots to choose from, or with ``as=file`` or ``as=text`` the file itself."""
    who = asking(request)
    names, kind = request.GET.getlist("bot"), request.GET.get("as", "")
    if kind not in ("file", "text"):
        context = {
            "bots": who.visible_bots().select_related("base"),
            "chosen": set(names),
        }
        return render(request, "bots/export.html", context)
    try:
        text = configuration_export(who=who, names=names)
    except LookupError as error:
        raise Http404(str(error)) from None
    if kind == "text":
        return render(request, "bots/export_text.html", {"text": text, "names": names})
    stem = names[0] if len(names) == 1 else "configuration"
    return HttpResponse(
        text,
        content_type="application/yaml; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="{stem}-{localdate():%Y-%m-%d}.yaml"'
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@never_cache
def import_page(request: HttpRequest) -> HttpResponseBase:
    """The form for a file; by POST what it would do; with its ``stamp``, that it does so."""
    context: dict[str, Any] = {"text": "", "longest": MAX_MESSAGE_CHARS, "limit": MAX_BYTES // 1024}
    if request.method != "POST":
        return render(request, "bots/import.html", context)
    try:
        context["text"] = text = _text(request)
        if _sets_secrets(text) and not is_confirmed(request):
            messages.info(request, gettext("The file sets secrets. Give it again after this."))
            return sent_to(request, "confirm")
        return _show_or_store(request, text, context)
    except MalformedDocument as error:
        context["problems"] = error.problems
        return render(request, "bots/import.html", context)


def _sets_secrets(text: str) -> bool:
    """Whether the file gives the value of a secret: the person must have proved who they are.

    Raises:
        MalformedDocument: the text is no configuration.
    """
    document, _content = parse(text)
    known = catalogue.everything()
    return any(
        name in known and known[name].param.secret
        for part in (*document.providers.values(), *document.bots.values())
        for name in part.params
    )


def _show_or_store(request: HttpRequest, text: str, context: dict[str, Any]) -> HttpResponse:
    who, stamp = asking(request), request.POST.get("stamp", "")
    message = request.POST.get("message", "")[:MAX_MESSAGE_CHARS]
    if stamp:
        try:
            plan = configuration_import(
                text, author=who.name, who=who, message=message, expected=stamp
            )
        except StaleImport:
            context["stale"] = True
        else:
            if not plan.problems:
                _tell(request, plan)
                return redirect("bots:import")
    plan = configuration_import(text, author=who.name, who=who, dry_run=True)
    context |= {
        "plan": plan,
        "problems": plan.problems,
        "message": message,
        "counts": [(name, plan.count(name)) for name in ("create", "change", "same")],
    }
    return render(request, "bots/import.html", context)


def _tell(request: HttpRequest, plan: Plan) -> None:
    """What was done, and what is left to do by hand."""
    stored = plan.count("create") + plan.count("change")
    text = ngettext("%(count)d object imported.", "%(count)d objects imported.", stored)
    messages.success(request, text % {"count": stored})
    for entry in plan.entries:
        if entry.secrets:
            words = {"name": entry.name, "secrets": ", ".join(entry.secrets)}
            messages.warning(request, gettext("%(name)s: set %(secrets)s by hand.") % words)
        if entry.needs_token:
            text = gettext("%(name)s takes no calls until a token is minted for it.")
            messages.warning(request, text % {"name": entry.name})


def _text(request: HttpRequest) -> str:
    """The file that was uploaded, or else the text that was sent.

    Browsers send line breaks in their own way, which must not make another file of it.

    Raises:
        MalformedDocument: the file is no text, or too large to be looked at.
    """
    upload = request.FILES.get("file")
    if upload is None:
        text = request.POST.get("text", "")
    elif upload.size is None or upload.size > MAX_BYTES:
        text = gettext("has more than %(limit)d KiB") % {"limit": MAX_BYTES // 1024}
        raise MalformedDocument([Problem("", 0, text)])
    else:
        try:
            text = upload.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise MalformedDocument([Problem("", 0, gettext("is not UTF-8 text"))]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
