"""Examples in the documentation work: data validates, code runs, commands exist."""

import asyncio
import json
import re
import shlex
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from django.core.management import call_command, get_commands, load_command_class

from alarms.core.severity import Severity
from bots.core import catalogue, registry
from bots.core.activities import event, message
from bots.core.errors import ServiceError
from bots.core.params.declare import Level
from bots.core.ports import BotConversation, SynthesisRequest
from bots.core.registry import NoParams
from bots.protocols.ac_bot_api import (
    MediaFormat,
    Rejected,
    StreamClient,
    StreamServer,
    messages,
)
from bots.protocols.dialogue import Dialogue
from gateway_project import environment
from tests.alarms.notices import notice
from tests.calls.carriers.desk import Office, configured, order
from tests.calls.media.leaping import leap
from tests.fakes.stream_server import listening

ROOT = Path(__file__).parents[2]


class Block(Protocol):
    text: str
    file: str


class Page(Protocol):
    name: str
    text: str

    def blocks(self, kind: str) -> Iterator[Block]: ...


# --- data ---------------------------------------------------------------------------------------


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """``value`` and every object inside it."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def test_every_json_example_is_json_and_every_dialogue_has_no_mistakes(page: Page) -> None:
    for block in page.blocks("json"):
        data = json.loads(block.text)
        if "states" in data:
            assert Dialogue.parse(data).unreachable() == ()


def test_every_parameter_that_an_example_sets_exists_and_may_be_set_there(page: Page) -> None:
    levels = {"sessionParams": Level.SESSION, "activityParams": Level.ACTIVITY}
    for block in page.blocks("json"):
        for part in objects(json.loads(block.text)):
            for name, level in levels.items():
                assert catalogue.everything().problems(level, part.get(name, {})) == {}


def test_the_short_call_is_what_both_sides_of_the_protocol_say(page_named: dict[str, Page]) -> None:
    page = page_named["docs/reference/voice-websocket.md"]
    shown = "".join(block.text for block in page.blocks("text"))
    frames = re.findall(r"^([<>]) (.+)$", shown, re.MULTILINE)
    gateway, voice_side = StreamServer(), StreamClient("4f0c1f0e")
    steps: dict[str, Callable[[], str]] = {
        "session.initiate": lambda: voice_side.initiate(
            bot_name="demo", caller="", expect_audio_messages=True, media_formats=[]
        ),
        "session.accepted": lambda: gateway.accept(MediaFormat.RAW_LPCM16),
        "userStream.start": voice_side.user_stream_start,
    }
    assert frames[-1][0] == ">"
    for direction, frame in frames:
        sent = json.loads(frame)
        steps.get(sent["type"], str)()
        heard: Sequence[object]
        if direction == ">":
            again = messages.encode(messages.decode_from_gateway(frame))
            heard = gateway.receive(frame)
        else:
            again = messages.encode(messages.decode_from_bot(frame))
            heard = voice_side.receive(frame)
        assert json.loads(again) == sent
        assert not any(isinstance(found, Rejected) for found in heard), frame


# --- code ---------------------------------------------------------------------------------------


@pytest.fixture
def plugin_of(
    page_named: dict[str, Page], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], ModuleType]:
    """Runs the file that a page tells the reader to write; what it registers goes afterwards."""
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))

    def load(name: str) -> ModuleType:
        (block,) = (block for block in page_named[name].blocks("python") if block.file)
        module = ModuleType(Path(block.file).stem)
        exec(compile(block.text, block.file, "exec"), vars(module))
        return module

    return load


async def test_the_speech_provider_of_the_guide_hums_for_each_word(
    plugin_of: Callable[[str], ModuleType],
) -> None:
    plugin_of("docs/how-to/add-a-speech-provider.md")
    plugin = registry.plugin("tts", "hum")
    tts = plugin.factory(plugin.params.model_validate({"humPitchHz": 440}), NoParams())
    for rate_hz in tts.capabilities.rates_hz:
        request = SynthesisRequest(text="one two three", language="en-US", rate_hz=rate_hz)
        audio = b"".join([piece async for piece in tts.synthesise(request)])
        assert len(audio) == 3 * 2 * rate_hz // 4
        assert any(audio)


def test_the_carrier_of_the_guide_calls_the_parrot(
    plugin_of: Callable[[str], ModuleType],
) -> None:
    plugin_of("docs/how-to/add-a-carrier.md")

    async def go() -> Office:
        office = Office(configured("parrot", parrotPatience=1))
        await office.carrier.place(order("sip:parrot@cage"), office.desk)
        await office.until_idle()
        return office

    office = leap(go())
    assert office.lines == [
        ("bot", "How can I help you?"),
        ("caller", "How can I help you?"),
        ("bot", "Pardon?"),
    ]
    assert (office.end.reason_code, office.end.reason) == ("client-disconnected", "It flew away")
    assert office.answered


async def test_the_notifier_of_the_guide_rings(plugin_of: Callable[[str], ModuleType]) -> None:
    plugin_of("docs/how-to/add-a-notifier.md")
    plugin = registry.plugin("notifier", "bell")
    credentials = plugin.credentials.model_validate({"bellWord": "please"})
    heard: list[bytes] = []

    async def ring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b"OK\n" if heard[-1].startswith(b"please 4 ") else b"NO\n")
        writer.close()

    async with listening(await asyncio.start_server(ring, "127.0.0.1", 0)) as port:
        where = plugin.params.model_validate({"bellHost": "127.0.0.1", "bellPort": port})
        bell = plugin.factory(where, credentials)
        await bell.send(notice(text="two\nlines"))
        with pytest.raises(ServiceError, match="does not ring"):
            await bell.send(notice(severity=Severity.MINOR))
    with pytest.raises(ServiceError, match="no answer"):
        await bell.send(notice())
    assert heard[0] == b"please 4 two lines\n"


async def test_the_bot_framework_of_the_guide_talks(
    plugin_of: Callable[[str], ModuleType],
) -> None:
    plugin_of("docs/how-to/add-a-bot-framework.md")
    plugin = registry.plugin("bot", "parrot")
    bot = plugin.factory(plugin.params.model_validate({"parrotLoud": True}), NoParams())
    conversation = BotConversation(conversation_id="c1", bot="parrot", language="en-US")
    session = await bot.open(conversation)
    for heard in (event("start"), message("pretty"), event("DTMF", value="1")):
        await session.send(heard)
    await session.close("client-disconnected", "")
    assert [said.text async for said in session.events()] == ["Hello.", "PRETTY"]
    assert "pretty parrot" in bot.phrases()


# --- commands -----------------------------------------------------------------------------------

_MANAGE = re.compile(
    r"manage\.py ((?:[\w./*-]+|\"[^\"]*\"|--[\w-]+)(?: (?:[\w./*-]+|\"[^\"]*\"))*)"
)


def commands(text: str) -> Iterator[list[str]]:
    """The words after ``manage.py``, wherever a page shows a command."""
    for found in _MANAGE.findall(text):
        yield shlex.split(found)


def parser_of(name: str) -> ArgumentParser:
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    return command.create_parser("manage.py", name)


def options(parser: ArgumentParser, words: list[str]) -> set[str]:
    """The options that ``parser`` takes for these words, those of the named action included."""
    found = {option for action in parser._actions for option in action.option_strings}
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for word in words:
                if word in action.choices:
                    found |= options(action.choices[word], words)
    return found


def test_every_management_command_that_a_page_shows_exists_with_its_options(page: Page) -> None:
    for name, *words in commands(page.text):
        assert name in get_commands(), name
        used = {word for word in words if word.startswith("--")}
        assert used <= options(parser_of(name), words), (name, words)


def test_every_make_target_that_a_page_shows_exists(page: Page) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    shown = re.findall(r"(?:`|^|\s)make ([a-z0-9-]+)(?:`|$| +#)", page.text, re.MULTILINE)
    assert set(shown) <= targets


def test_every_environment_variable_that_a_page_sets_exists(page: Page) -> None:
    names = {variable.name for variable in environment.variables()}
    names |= {f"{variable.name}_FILE" for variable in environment.variables() if variable.secret}
    names.add("TESTCALL_TOKEN")  # read by the test caller alone
    used = set(re.findall(r"\b([A-Z][A-Z_]+)=[\w/.:]", page.text))
    if page.name.startswith(("README", "docs/tutorial", "docs/how-to", "docs/explanation")):
        used |= set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page.text))
    assert used <= names


def test_the_dialogue_of_the_guide_passes_the_check_it_recommends(
    page_named: dict[str, Page], tmp_path: Path
) -> None:
    (block,) = page_named["docs/how-to/write-a-script-bot.md"].blocks("json")
    file = tmp_path / "pizza.json"
    file.write_text(block.text, encoding="utf-8")
    output = StringIO()
    call_command("dialogue", "check", file, stdout=output, stderr=output)
    assert output.getvalue() == "3 states, 13 phrases\n"
