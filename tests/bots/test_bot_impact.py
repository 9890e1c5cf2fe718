"""What a change would do, before it is done."""

from typing import Any

import pytest

from bots.models import Bot, Provider
from bots.services import Impact, bot_create, bot_preview, bot_update, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def echo(plugins: None, db: None) -> Provider:
    return provider_create(name="echo", kind="bot", plugin="echo")


@pytest.fixture
def base(echo: Provider) -> Bot:
    base = bot_create(
        name="base", author="ann", is_base=True, provider=echo, params={"language": "de-DE"}
    )
    middle = bot_create(
        name="middle", author="ann", is_base=True, base=base, params={"echoTone": "cool"}
    )
    bot_create(name="below", author="ann", base=middle)
    bot_create(name="near", author="ann", base=base)
    bot_create(name="own", author="ann", base=base, params={"language": "fr-FR"})
    return base


def changes(impact: Impact, heir: str) -> dict[str, tuple[Any, Any]]:
    (found,) = (each for each in impact.heirs if each.name == heir)
    return {each.name: (each.before, each.after) for each in found.changes}


def overrides(impact: Impact) -> dict[str, tuple[str, ...]]:
    return {each.name: each.overrides for each in impact.overriding}


def test_heirs_change_along_or_override(base: Bot) -> None:
    impact = bot_preview(base, params={"language": "en-GB", "echoTone": "cool", "bargeIn": False})
    assert [(each.name, each.before, each.after, each.origin) for each in impact.effective] == [
        ("language", "de-DE", "en-GB", "base bot base"),
        ("echoTone", "warm", "cool", "base bot base"),
    ]
    assert [each.name for each in impact.settings] == ["language", "echoTone", "bargeIn"]
    assert changes(impact, "near") == {"language": ("de-DE", "en-GB"), "echoTone": ("warm", "cool")}
    assert changes(impact, "own") == {"echoTone": ("warm", "cool")}
    assert changes(impact, "middle") == changes(impact, "below") == {"language": ("de-DE", "en-GB")}
    assert overrides(impact) == {
        "middle": ("echoTone",),
        "below": ("echoTone",),
        "own": ("language",),
    }
    assert len(impact.affected) == 4
    assert [[heir.name for heir in group.heirs] for group in impact.groups] == [
        ["middle", "below"],
        ["own"],
        ["near"],
    ]
    assert impact.problems == {}
    assert Bot.objects.get(pk=base.pk).params == {"language": "de-DE"}


def test_a_value_that_is_no_longer_set_falls_back(base: Bot) -> None:
    impact = bot_preview(base, params={})
    assert [(each.name, each.after, each.origin) for each in impact.effective] == [
        ("language", "en-US", "default")
    ]


def test_another_provider_is_a_change_of_its_own(base: Bot) -> None:
    other = provider_create(name="other", kind="bot", plugin="other", params={"otherMood": "gay"})
    impact = bot_preview(base, provider=other)
    assert [(each.name, each.before, each.after, each.origin) for each in impact.effective] == [
        ("provider", "echo", "other", "base")
    ]
    assert changes(impact, "near")["provider"] == ("echo", "other")
    cleared = bot_preview(Bot.objects.get(name="below"), base=None)
    first = cleared.effective[0]
    assert (first.name, first.after, first.origin) == ("provider", None, "")


def test_what_would_break_is_said(base: Bot, echo: Provider) -> None:
    ear = provider_create(name="ear", kind="stt", plugin="ear")
    near = Bot.objects.get(name="near")
    bot_update(
        bot=near,
        expected_revision=1,
        author="ann",
        stt_provider=ear,
        params={"earWaitMS": 400},
    )
    wrong = bot_preview(base, params={"language": "de_DE!", "nonsense": 1})
    assert sorted(wrong.problems) == ["language", "nonsense"]
    heirs = bot_preview(base, stt_provider=ear, params={"earLimitMS": 300})
    assert list(heirs.problems) == ["near.Ear"]
    cut_off = bot_preview(Bot.objects.get(name="own"), base=None)
    assert "provider" in cut_off.problems


def test_secrets_are_masked_wherever_they_are_named(base: Bot) -> None:
    impact = bot_preview(base, params={"echoPin": "geheim"})
    assert "geheim" not in repr(impact)
    (pin,) = (each for each in impact.settings if each.name == "echoPin")
    assert (pin.before, pin.after) == (None, "••••••")
    assert changes(impact, "near")["echoPin"] == ("", "••••••")
    stored = bot_update(bot=base, expected_revision=1, author="ann", params={"echoPin": "geheim"})
    kept = bot_preview(stored, params={"echoPin": "••••••"})
    assert (kept.settings, kept.effective) == ((), ())
    replaced = bot_preview(stored, params={"echoPin": "other"})
    assert [each.name for each in replaced.effective] == ["echoPin"]


def test_of_a_line_that_was_broken_nothing_can_be_compared(base: Bot) -> None:
    own = Bot.objects.get(name="own")
    Bot.objects.filter(pk=base.pk).update(is_base=False)
    impact = bot_preview(own, display_name="Own")
    assert impact.effective == ()
    assert [each.name for each in impact.settings] == ["display_name"]


def test_a_bot_that_was_deleted_has_no_future(base: Bot) -> None:
    near = Bot.objects.get(name="near")
    Bot.objects.filter(pk=near.pk).delete()
    with pytest.raises(LookupError, match="was deleted"):
        bot_preview(near, params={})
