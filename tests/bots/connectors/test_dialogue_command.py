"""``manage.py dialogue``."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.models import Bot, Provider
from bots.services import bot_create, provider_create

DIALOGUE: dict[str, Any] = {
    "states": {
        "start": {"say": "Yes?", "answers": [{"phrases": ["bye", "goodbye"], "hangup": True}]}
    }
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "dialogue.json", DIALOGUE)


def written(file: Path, data: Any) -> Path:
    file.write_text(json.dumps(data), encoding="utf-8")
    return file


def dialogue(*words: Any) -> tuple[str, str]:
    output, warnings = StringIO(), StringIO()
    call_command("dialogue", *words, stdout=output, stderr=warnings)
    return output.getvalue(), warnings.getvalue()


@pytest.fixture
def provider() -> Provider:
    return provider_create(name="script", kind="bot", plugin="script")


@pytest.fixture
def base(provider: Provider) -> Bot:
    return bot_create(
        name="demo-base", author="test", is_base=True, provider=provider, params={"bargeIn": True}
    )


def test_a_good_dialogue_is_counted(file: Path) -> None:
    assert dialogue("check", file) == ("1 states, 2 phrases\n", "")


def test_a_dialogue_is_told_in_plain_words(file: Path) -> None:
    output, _ = dialogue("explain", file)
    assert 'start: says "Yes?"\n  "bye", "goodbye": hangs up\n' in output
    assert output.endswith("\n\n1 states, 2 phrases\n")


def test_every_mistake_is_named_with_its_path(tmp_path: Path) -> None:
    data = {"start": "here", "states": {"there": {"say": "Hello.", "goto": "nowhere"}}}
    with pytest.raises(CommandError) as caught:
        dialogue("check", written(tmp_path / "wrong.json", data))
    paths = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert paths == ["start", "states.there.goto"]


def test_a_state_nobody_can_come_to_is_a_warning(tmp_path: Path) -> None:
    states = {**DIALOGUE["states"], "attic": {"say": "Hello.", "hangup": True}}
    _, warnings = dialogue("check", written(tmp_path / "odd.json", {"states": states}))
    assert warnings == "warning: no caller can come to the state attic\n"


def test_a_file_that_is_not_there_or_no_json_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        dialogue("check", tmp_path / "absent.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(CommandError, match="is not JSON"):
        dialogue("check", broken)


@pytest.mark.db
@pytest.mark.django_db
def test_a_new_bot_inherits_from_the_base_bot(file: Path, base: Bot) -> None:
    output, _ = dialogue("load", file, "door")
    bot = Bot.objects.get(name="door")
    assert output.splitlines()[0] == "door is at revision 1"
    assert bot.base == base
    assert bot.params == {"scriptDialogue": DIALOGUE}


@pytest.mark.db
@pytest.mark.django_db
def test_a_known_bot_keeps_its_other_parameters(file: Path, base: Bot) -> None:
    bot_create(name="door", author="test", base=base, params={"language": "en-GB"})
    output, _ = dialogue("load", file, "door")
    bot = Bot.objects.get(name="door")
    assert output.splitlines()[0] == "door is at revision 2"
    assert bot.params == {"language": "en-GB", "scriptDialogue": DIALOGUE}


@pytest.mark.db
@pytest.mark.django_db
def test_a_new_bot_needs_a_base_bot_that_exists(file: Path) -> None:
    with pytest.raises(CommandError, match="no base bot named 'elsewhere' for the new bot 'door'"):
        dialogue("load", file, "door", "--base", "elsewhere")
    assert not Bot.objects.exists()
