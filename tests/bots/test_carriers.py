"""Carriers are chosen, inherited, kept in revisions and files, and tested like other providers."""

from typing import Annotated, Any, ClassVar

import pytest
from django.test import Client
from pydantic import Field, SecretStr

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.registry import Plugin
from bots.forms.submission import Submitted, merge
from bots.history import bot_at, changes_between, revision_of
from bots.models import Bot, BotRevision, Provider
from bots.net import Outbound
from bots.probes import Outcome, probe
from bots.selectors import call_configuration
from bots.services import (
    bot_clone,
    bot_create,
    bot_preview,
    bot_restore,
    bot_update,
    provider_create,
)
from bots.services.export import configuration_export
from bots.services.import_configuration import configuration_import
from bots.services.probing import provider_test
from tests.bots.conftest import Built
from tests.worlds import World, browser

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("lines")]


class LineParams(ParamSet):
    SECTION: ClassVar[str] = "Line"
    trunk: Annotated[str, Param(help="The trunk.")] = Field("", alias="lineTrunk")


class LineCredentials(ParamSet):
    SECTION: ClassVar[str] = "Line credentials"
    key: Annotated[SecretStr, Param(help="The key.", secret=True)] = Field(
        SecretStr(""), alias="lineKey"
    )


class Line(Built):
    """A carrier that can be asked whether it would place calls."""

    credentials: LineCredentials

    async def check(self, outbound: Outbound) -> None:
        assert isinstance(outbound, Outbound)
        if self.credentials.key.get_secret_value() != "right":
            raise ServiceError("line", Fault.AUTHENTICATION, "401 from the line")


@pytest.fixture
def lines(plugins: None, db: None) -> Provider:
    registry.register("carrier", "line", "Line", params=LineParams, credentials=LineCredentials)(
        Line
    )
    registry.register("carrier", "mute", "Mute")(Built)
    return provider_create(
        name="line-1",
        kind="carrier",
        plugin="line",
        params={"lineTrunk": "east"},
        credentials={"lineKey": "right"},
    )


@pytest.fixture
def base(lines: Provider) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(
        name="retail", author="ann", is_base=True, provider=echo, carrier_provider=lines
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="door", author="ann", base=base)


def plugin(name: str) -> Plugin:
    return registry.plugin("carrier", name)


def forget_carriers(bot: Bot) -> None:
    """Have the bot's revisions be from before there were carriers."""
    for each in BotRevision.objects.filter(bot=bot):
        del each.settings["carrier_provider"]
        each.save()


def test_a_bot_inherits_its_carrier_with_its_parameters(bot: Bot) -> None:
    found = call_configuration("door").carrier
    assert found is not None
    assert isinstance(found.params, LineParams)
    assert isinstance(found.credentials, LineCredentials)
    assert (found.provider, found.params.trunk) == ("line-1", "east")
    assert found.credentials.key.get_secret_value() == "right"


def test_a_bot_without_a_carrier_works(bot: Bot, base: Bot) -> None:
    bot_update(bot=base, expected_revision=1, author="bea", carrier_provider=None)
    assert call_configuration("door").carrier is None


def test_who_changes_the_carrier_of_a_base_sees_whom_it_affects(bot: Bot, base: Bot) -> None:
    mute = provider_create(name="mute-1", kind="carrier", plugin="mute")
    impact = bot_preview(base, carrier_provider=mute)
    assert [(each.name, each.before, each.after) for each in impact.effective] == [
        ("carrier_provider", "line-1", "mute-1")
    ]
    assert [heir.name for heir in impact.affected] == ["door"]


def test_a_clone_that_stands_alone_has_the_carrier_itself(bot: Bot) -> None:
    made = bot_clone(bot=bot, name="copy", author="bea", standalone=True)
    assert made.carrier_provider == Provider.objects.get(name="line-1")


def test_a_carrier_leaves_in_a_file_and_comes_back(bot: Bot, base: Bot) -> None:
    text = configuration_export()
    assert "kind: carrier\n    plugin: line\n" in text
    assert "carrier_provider: line-1\n" in text
    assert "right" not in text
    assert not configuration_import(text, author="bea").changes
    assert configuration_export(names=["door"]) == text
    Bot.objects.filter(name="door").delete()
    Bot.objects.all().delete()
    Provider.objects.all().delete()
    assert configuration_import(text, author="bea").problems == ()
    assert Bot.objects.get(name="retail").carrier_provider == Provider.objects.get(name="line-1")


def test_a_file_from_before_there_were_carriers_is_taken() -> None:
    text = (
        "version: 1\n"
        "providers:\n"
        "  echo: {kind: bot, plugin: echo}\n"
        "bots:\n"
        "  old: {provider: echo}\n"
    )
    assert configuration_import(text, author="bea").problems == ()
    assert Bot.objects.get(name="old").carrier_provider is None


def test_a_revision_from_before_there_were_carriers_chooses_none(bot: Bot, lines: Provider) -> None:
    forget_carriers(bot)
    after = bot_update(bot=bot, expected_revision=1, author="bea", carrier_provider=lines)
    first, last = revision_of(bot, 1), revision_of(bot, 2)
    changes = changes_between(first, last).settings
    assert [(each.name, each.after) for each in changes] == [("carrier_provider", "line-1")]
    assert bot_at(first).carrier_provider is None
    restored = bot_restore(bot=after, number=1, expected_revision=2, author="cyd")
    assert restored.carrier_provider is None


def test_a_form_of_an_older_revision_is_merged(bot: Bot, lines: Provider) -> None:
    forget_carriers(bot)
    theirs = bot_update(bot=bot, expected_revision=1, author="bea", display_name="Door")
    sent = Submitted(changes={"carrier_provider": lines}, problems={}, expected=1)
    found = merge(sent, theirs, {})
    assert not found.undecided
    assert found.decided().changes == {"carrier_provider": lines}


# --- tests ----------------------------------------------------------------------------------------


async def tried(name: str, key: str) -> Outcome:
    keys = plugin(name).credentials.model_validate({"lineKey": key} if key else {})
    return await probe(plugin(name), plugin(name).params(), keys, name="x", language="en-US")


@pytest.mark.parametrize(
    ("name", "key", "ok", "steps", "detail"),
    [
        ("line", "right", True, ["build", "connect"], ""),
        ("line", "wrong", False, ["build", "connect"], "401 from the line"),
        ("mute", "", True, ["build", "result"], ""),
    ],
)
async def test_a_carrier_says_whether_it_would_place_calls(
    name: str, key: str, ok: bool, steps: list[str], detail: str
) -> None:
    outcome = await tried(name, key)
    assert (outcome.ok, [step.name for step in outcome.steps]) == (ok, steps)
    assert outcome.detail == detail
    assert outcome.fault == (None if ok else Fault.AUTHENTICATION)


def test_the_test_of_a_carrier_is_kept(lines: Provider) -> None:
    assert provider_test(provider=lines).ok
    lines.refresh_from_db()
    assert lines.test_result is not None
    assert lines.test_result["ok"]


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_carrier_is_chosen_in_the_form_of_a_bot(operator: Client, bot: Bot) -> None:
    shown = page(operator, "/bots/door/")
    assert "Carrier of outbound calls" in shown
    assert "line-1 (from retail)" in shown
    mute = provider_create(name="mute-1", kind="carrier", plugin="mute")
    sent = {"revision": 1, "carrier_provider": "mute-1"}
    assert operator.post("/bots/door/save/", sent).status_code == 204
    assert Bot.objects.get(pk=bot.pk).carrier_provider == mute
    changed = page(operator, "/bots/door/revisions/")
    assert "Carrier of outbound calls" in changed


def test_a_carrier_is_listed_and_opened_like_other_providers(operator: Client, bot: Bot) -> None:
    assert "line-1" in page(operator, "/providers/?kind=carrier")
    assert "line-1" not in page(operator, "/providers/?kind=bot")
    shown = page(operator, "/providers/line-1/")
    assert "Carrier of outbound calls" in shown
    answer: Any = operator.post("/providers/line-1/test/", {"language": ""})
    assert "Reach the carrier" in answer.content.decode()


def test_a_carrier_that_asks_nobody_says_so(operator: Client) -> None:
    provider_create(name="mute-1", kind="carrier", plugin="mute")
    answer: Any = operator.post("/providers/mute-1/test/", {"language": ""})
    assert "This carrier has nothing to test" in answer.content.decode()
