"""The pages on which the configuration leaves and comes in as a file."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bots.core.configuration_file import MAX_PROBLEMS
from bots.core.yaml_text import MAX_BYTES
from bots.guards import CONFIRMED_AT
from bots.models import AuditEvent, Bot
from bots.services import bot_create, provider_create
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

IMPORT = "/bots/-/import/"


@pytest.fixture
def bot(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(
        name="door",
        author="ann",
        provider=echo,
        params={"echoGreeting": "One\nTwo", "echoPin": "canary"},
    )


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def exported(client: Client, query: str = "") -> str:
    return client.get(f"/bots/-/export/?as=file{query}").content.decode()


def post(client: Client, **fields: Any) -> Any:
    return client.post(IMPORT, fields)


def test_the_file_can_be_downloaded_and_shown(operator: Client, bot: Bot) -> None:
    assert "door" in operator.get("/bots/-/export/?bot=door").content.decode()
    response = operator.get("/bots/-/export/?as=file&bot=door")
    assert response.headers["content-type"] == "application/yaml; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="door-20')
    assert "canary" not in response.content.decode()
    assert "echoGreeting" in operator.get("/bots/-/export/?as=text").content.decode()
    assert operator.get("/bots/-/export/?as=file&bot=nobody").status_code == 404
    assert AuditEvent.objects.filter(action="configuration.exported").count() == 2


def test_who_reaches_some_bots_gets_only_those(bot: Bot) -> None:
    other = bot_create(name="other", author="ann", provider=bot.provider)
    narrow = browser(with_role("operator", name="narrow", bots=[other]))
    assert "door" not in narrow.get("/bots/-/export/").content.decode()
    assert "door" not in exported(narrow)
    assert narrow.get("/bots/-/export/?as=file&bot=door").status_code == 404


def test_a_file_is_shown_first_and_then_stored(operator: Client, bot: Bot) -> None:
    text = exported(operator).replace("Two", "Three")
    file = SimpleUploadedFile("gateway.yaml", b"\xef\xbb\xbf" + text.encode())
    shown = post(operator, file=file)
    assert "What the import would do" in shown.content.decode()
    assert Bot.objects.get(pk=bot.pk).revision == 1
    plan = shown.context["plan"]
    # Browsers send the line breaks of a form as CR LF.
    sent = shown.context["text"].replace("\n", "\r\n")
    done = post(operator, text=sent, stamp=plan.stamp, message="From git")
    assert done.headers["location"] == IMPORT
    stored = Bot.objects.get(pk=bot.pk)
    assert stored.params["echoGreeting"] == "One\nThree"
    last = stored.revisions.first()
    assert last is not None
    assert (last.author, last.message) == ("operator", "From git")
    assert "1 object imported." in operator.get(IMPORT).content.decode()


def test_what_is_left_to_do_by_hand_is_said(operator: Client, bot: Bot) -> None:
    text = exported(operator).replace("door", "gate") + "    access_mode: token\n"
    shown = post(operator, text=text)
    assert "1 secret to set by hand" in " ".join(shown.content.decode().split())
    assert "token to mint" in shown.content.decode()
    post(operator, text=text, stamp=shown.context["plan"].stamp)
    content = operator.get(IMPORT).content.decode()
    assert "gate: set echoPin by hand." in content
    assert "gate takes no calls until a token is minted for it." in content


def test_nothing_to_change_offers_nothing_to_store(operator: Client, bot: Bot) -> None:
    content = post(operator, text=exported(operator)).content.decode()
    assert "Nothing changes" in content
    assert 'name="message"' not in content


def test_problems_are_listed_and_what_was_typed_stays(operator: Client, bot: Bot) -> None:
    text = exported(operator).replace("echoGreeting: |-", "echoTone: |-")
    response = post(operator, text=text)
    content = response.content.decode()
    assert "Nothing can be imported: 1 problem" in " ".join(content.split())
    assert "<code>bots.door.params.echoTone</code>" in content
    assert "must be &#x27;warm&#x27; or &#x27;cool&#x27;" in content
    assert response.context["text"] == text
    broken = post(operator, text="<b>: [").content.decode()
    assert "is not YAML" in broken
    assert "&lt;b&gt;: [</textarea>" in broken


def test_a_file_that_cannot_be_looked_at_is_refused(operator: Client) -> None:
    large = SimpleUploadedFile("a.yaml", b"#" * (MAX_BYTES + 1))
    assert "has more than 1024 KiB" in post(operator, file=large).content.decode()
    binary = SimpleUploadedFile("a.yaml", b"\xff\xfe")
    assert "is not UTF-8 text" in post(operator, file=binary).content.decode()
    assert "is empty" in post(operator).content.decode()


def test_what_changed_meanwhile_is_shown_again(operator: Client, bot: Bot) -> None:
    text = exported(operator).replace("Two", "Three")
    stamp = post(operator, text=text).context["plan"].stamp
    Bot.objects.filter(pk=bot.pk).update(revision=2)
    response = post(operator, text=text, stamp=stamp)
    assert "Something has changed since you looked" in response.content.decode()
    assert Bot.objects.get(pk=bot.pk).params["echoGreeting"] == "One\nTwo"
    assert response.context["plan"].stamp != stamp


def test_problems_that_came_up_meanwhile_are_shown(operator: Client, bot: Bot) -> None:
    text = "version: 1\nroutes:\n- {bot: gone}\n"
    stamp = post(operator, text=text).context["plan"].stamp
    response = post(operator, text=text, stamp=stamp)
    assert "there is no bot named gone" in response.content.decode()


def test_only_who_may_change_the_configuration_imports(world: World, bot: Bot) -> None:
    viewer = browser(world.people["viewer"])
    assert viewer.get("/bots/-/export/").status_code == 200
    assert viewer.get(IMPORT).status_code == 403
    assert viewer.post(IMPORT, {"text": "version: 1"}).status_code == 403


def test_lists_make_the_agreed_number_of_queries(
    operator: Client, bot: Bot, repository: Path
) -> None:
    for number in range(12):
        bot_create(name=f"bot-{number}", author="ann", provider=bot.provider)
    with CaptureQueriesContext(connection) as queries:
        assert operator.get(reverse("bots:export")).status_code == 200
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {"bots:export": len(queries)} == {"bots:export": agreed.get("bots:export")}


def test_a_secret_in_a_file_asks_who_the_person_is(operator: Client, bot: Bot) -> None:
    text = "version: 1\nbots:\n  door:\n    provider: echo\n    params: {echoPin: other}\n"
    session = operator.session
    session[CONFIRMED_AT] = 0
    session.save()
    answer = post(operator, text=text)
    assert (answer.status_code, answer.headers["location"][:9]) == (302, "/confirm/")
    session[CONFIRMED_AT] = time.time()
    session.save()
    assert "stamp" in post(operator, text=text).content.decode()


def test_of_many_problems_the_first_are_told(operator: Client) -> None:
    answer = post(operator, text=f"version: 1\nroutes: [{'a,' * 5_000}]").content.decode()
    assert answer.count("routes.") == MAX_PROBLEMS
