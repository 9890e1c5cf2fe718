"""The console in German: catalogues are whole, and pages use them."""

import re
import shutil
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils.translation import override

from bots.core import catalogue, registry
from bots.core.params.presentation import short
from bots.templatetags.bot_values import field_title, figure, worded
from calls.templatetags.calls import origin
from tests.access.conftest import Things, things
from tests.access.table import URLS
from tests.access.test_urls import urls
from tests.worlds import World, browser

ROOT = Path(__file__).parents[2]
CATALOGUES = sorted((ROOT / "gateway_project" / "locale").glob("*/LC_MESSAGES/*.po"))
SOURCES = ("alarms", "bots", "calls", "gateway_project", "static", "templates")

_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[%sd]|\{\w*\}|</?[a-z]+>")
_VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "use"}
_ENGLISH = re.compile(
    r"\b(?:the|of|and|is|are|with|that|this|for|not|your|from|Sign out|Dashboard|Search)\b",
    re.IGNORECASE,
)
ROWS = ("The caller hung up", "Client Side")
"""English that the tests' own rows hold."""


@pytest.fixture(params=CATALOGUES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    """Each catalogue."""
    found: Path = request.param
    return found


def texts(entry: polib.POEntry | polib.MOEntry) -> list[tuple[str, str]]:
    """Each translation of ``entry`` with what it translates."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    one, *more = (entry.msgstr_plural[form] for form in sorted(entry.msgstr_plural))
    return [(entry.msgid, one), *((entry.msgid_plural, text) for text in more)]


@pytest.mark.pure
def test_there_are_catalogues_for_pages_and_scripts_of_each_further_language() -> None:
    languages = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
    expected = {(code, domain) for code in languages for domain in ("django", "djangojs")}
    assert {(path.parts[-3], path.stem) for path in CATALOGUES} == expected


@pytest.mark.pure
def test_every_message_is_translated(path: Path) -> None:
    entries = polib.pofile(str(path))
    assert [entry.msgid for entry in entries if not entry.translated()] == []
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete] == []


@pytest.mark.pure
def test_translations_hold_the_placeholders_of_what_they_translate(path: Path) -> None:
    wrong = [
        translated
        for entry in polib.pofile(str(path))
        for text, translated in texts(entry)
        if Counter(_PLACEHOLDER.findall(text)) != Counter(_PLACEHOLDER.findall(translated))
    ]
    assert wrong == []


@pytest.mark.pure
def test_what_the_gateway_reads_is_compiled_from_what_people_write(path: Path) -> None:
    written = {(e.msgctxt, e.msgid): texts(e) for e in polib.pofile(str(path))}
    compiled = {(e.msgctxt, e.msgid): texts(e) for e in polib.mofile(str(path.with_suffix(".mo")))}
    assert compiled == written


def messages(path: Path) -> set[tuple[str | None, str]]:
    """What the catalogue at ``path`` translates."""
    return {(entry.msgctxt, entry.msgid) for entry in polib.pofile(str(path))}


@pytest.mark.peer("xgettext", "msgmerge")
def test_the_catalogues_hold_every_message_of_the_code_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SOURCES:
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("vendor", "__pycache__")
        )
    monkeypatch.chdir(tmp_path)
    for domain in ("django", "djangojs"):
        with override_settings(LOCALE_PATHS=[tmp_path / "gateway_project" / "locale"]):
            call_command(
                "makemessages", locale=["de"], domain=domain, no_obsolete=True, verbosity=0
            )
    for path in CATALOGUES:
        made = polib.pofile(str(tmp_path / path.relative_to(ROOT)))
        assert [entry.msgid for entry in made if not entry.translated()] == []
        assert messages(path) - {(entry.msgctxt, entry.msgid) for entry in made} == set()


class Words(HTMLParser):
    """What a page shows and reads aloud, apart from code and from what is marked as English."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language = ""
        self.found: list[str] = []
        self._open: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        hidden = any(self._open[-1:]) or tag in {"code", "pre", "script", "textarea", "style"}
        hidden = hidden or given.get("lang") == "en"
        if tag == "html":
            self.language = given["lang"] or ""
        if not hidden:
            names = ("title", "aria-label", "placeholder", "data-label", "data-unknown")
            self.found += [given[name] or "" for name in names if name in given]
        if tag not in _VOID:
            self._open.append(hidden)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(self._open[-1:]):
            self.found.append(" ".join(data.split()))


def german(client: Client, url: str) -> Words | None:
    """The page at ``url`` in German; None if there is none."""
    response = client.get(url, headers={"accept-language": "de"})
    whole = response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    page = response.content.decode() if whole and not response.streaming else ""
    return Words(page) if "<html" in page else None


@pytest.fixture
def these(world: World) -> Things:
    """One object of everything."""
    return things(world)


@cache
def english(text: str) -> bool:
    """Whether ``text`` is English, apart from what has the same name in every language."""
    if not _ENGLISH.search(text):
        return False
    for name in english_names():
        text = text.replace(name, "")
    return _ENGLISH.search(text) is not None


@cache
def english_names() -> list[str]:
    """What has the same name in every language, the longest first."""
    parameters = list(catalogue.everything())
    names = {field_title(known.wire_name) for known in parameters}
    names |= {known.section.SECTION for known in parameters}
    names |= {plugin.title for plugin in registry.plugins()}
    for section in {known.section for known in parameters}:
        defaults = section().model_dump(mode="json", by_alias=True).values()
        names |= {short(value) for value in defaults if isinstance(value, list)}
    return sorted({*names, *ROWS}, key=len, reverse=True)


@pytest.mark.once
def test_every_page_speaks_german(world: World, these: Things) -> None:
    parameters, seen, wrong = dict(urls()), 0, {}
    browsers = [browser(user) for user in (world.stranger, world.newcomer, world.admin)]
    for name, rule in URLS.items():
        if rule.get in (None, "machines"):
            continue
        url = reverse(name, kwargs=these.arguments(name, parameters[name]))
        for client in browsers:
            if words := german(client, url):
                seen += 1
                if words.language != "de" or any(english(text) for text in words.found):
                    wrong[name] = [text for text in words.found if english(text)]
    assert wrong == {}
    assert seen > len(URLS) / 2


@pytest.mark.pure
def test_a_word_for_a_value_is_translated_but_never_a_value() -> None:
    words: list[Any] = [True, None, "", []]
    values: list[Any] = ["on", "none", "empty"]
    with override("de"):
        assert [worded(short(each)) for each in words] == ["an", "kein Wert", "leer", "leere Liste"]
        assert [worded(short(each)) for each in values] == values


@pytest.mark.pure
@pytest.mark.parametrize(
    ("name", "german"),
    [
        ("default", "Standardwert"),
        ("bot at run time", "Bot zur Laufzeit"),
        ("base bot retail", "Basis-Bot retail"),
        ("bot base", "Bot base"),
        ("provider azure-1", "Anbieter azure-1"),
        ("supervisor anna", "Supervisor anna"),
        ("somewhere else", "somewhere else"),
    ],
)
def test_where_a_value_comes_from_is_said_in_german(name: str, german: str) -> None:
    assert origin(name) == name
    with override("de"):
        assert origin(name) == german


@pytest.mark.pure
def test_numbers_are_written_as_in_the_language_of_the_page() -> None:
    assert [figure(number) for number in (14_400_000, 30, 0.5)] == ["14,400,000", "30", "0.5"]
    with override("de"):
        assert [figure(number) for number in (14_400_000, 0.5)] == ["14.400.000", "0,5"]


def test_a_page_asks_for_the_texts_of_its_scripts_by_language(world: World) -> None:
    for language in ("en", "de"):
        answer = browser(world.admin).get("/profile/", headers={"accept-language": language})
        assert f'src="/i18n/texts.js?language={language}"' in answer.content.decode()
