"""``manage.py dialogue``: check the dialogue of a script bot, tell it, and give it to a bot."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bots.core.errors import ParameterError
from bots.models import Bot
from bots.protocols.dialogue import Dialogue, explain
from bots.services import StaleRevision, bot_create, bot_update

PARAMETER = "scriptDialogue"
AUTHOR = "command line"


class Command(BaseCommand):
    help = "Check a dialogue file of the script bot, tell what it does, or load it into a bot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="Name every mistake with its path.")
        told = actions.add_parser("explain", help="Tell in plain words what the bot does when.")
        load = actions.add_parser("load", help="Store it as the dialogue of a bot.")
        for action in (check, told, load):
            action.add_argument("file", type=Path, help="The dialogue as JSON.")
        load.add_argument("bot", help="Name of the bot; it is created if there is none.")
        load.add_argument(
            "--base", default="demo-base", help="Base bot of a bot that is created (demo-base)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        data = _read(options["file"])
        try:
            dialogue = Dialogue.parse(data)
            if options["action"] == "load":
                bot = _store(data, options["bot"], options["base"])
                self.stdout.write(f"{bot.name} is at revision {bot.revision}")
        except ParameterError as error:
            lines = (f"{path}: {problem}" for path, problem in error.problems.items())
            raise CommandError("\n".join(lines)) from None
        except StaleRevision as error:
            raise CommandError(str(error)) from None
        if options["action"] == "explain":
            self.stdout.write("\n".join(explain(dialogue)) + "\n\n")
        for state in dialogue.unreachable():
            self.stderr.write(f"warning: no caller can come to the state {state}")
        states, phrases = len(dialogue.states), len(dialogue.phrases())
        self.stdout.write(f"{states} states, {phrases} phrases")


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{file} is not JSON: {error}") from None


def _store(data: Any, name: str, base_name: str) -> Bot:
    """The bot with its new dialogue; its other parameters stay.

    Raises:
        CommandError: the bot has to be created and its base bot does not exist.
        ParameterError: the bot would not work, for example because its framework is not ``script``.
    """
    bot = Bot.objects.filter(name=name).first()
    if bot is not None:
        params = {**bot.params, PARAMETER: data}
        return bot_update(bot=bot, expected_revision=bot.revision, author=AUTHOR, params=params)
    base = Bot.objects.filter(name=base_name).first()
    if base is None:
        raise CommandError(f"there is no base bot named {base_name!r} for the new bot {name!r}")
    return bot_create(name=name, author=AUTHOR, base=base, params={PARAMETER: data})
