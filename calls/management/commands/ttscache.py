"""``manage.py ttscache``: look at the synthesised prompts that are kept, and clear them."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bots.models import Bot, Provider
from calls.session.plugins import tts_store


class Command(BaseCommand):
    help = "Show how many synthesised prompts are kept, or have them synthesised anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("show", help="Number, size and age of the prompts of each provider.")
        clear = actions.add_parser(
            "clear", help="Play nothing again that was synthesised before; for all, or as chosen."
        )
        scope = clear.add_mutually_exclusive_group()
        scope.add_argument("--bot", help="only in calls to this bot")
        scope.add_argument("--provider", help="only of this speech provider")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["action"] == "show":
                self._show()
            else:
                self._clear(options["bot"], options["provider"])
        except OSError as error:
            reason = f"{settings.TTS_CACHE_DIR}: {error.strerror}"
            raise CommandError(f"the cache cannot be used: {reason}") from None

    def _show(self) -> None:
        store = tts_store()
        holdings = store.holdings()
        for holding in holdings:
            age = timedelta(seconds=(store.clock() - holding.oldest_ns) // 10**9)
            self.stdout.write(
                f"{holding.provider}  {holding.entries} prompts  {_mb(holding.size_bytes)} MB  "
                f"the oldest {age} old"
            )
        entries = sum(holding.entries for holding in holdings)
        used = _mb(sum(holding.size_bytes for holding in holdings))
        self.stdout.write(
            f"in all  {entries} prompts  {used} of {settings.TTS_CACHE_MB} MB  "
            f"kept for {settings.TTS_CACHE_HOURS} hours in {settings.TTS_CACHE_DIR}"
        )

    def _clear(self, bot: str | None, provider: str | None) -> None:
        store = tts_store()
        if bot is not None and not Bot.objects.filter(name=bot, is_base=False).exists():
            raise CommandError(f"there is no bot named {bot!r} that takes calls")
        if provider is not None:
            kept = {holding.provider for holding in store.holdings()}
            known = Provider.objects.filter(name=provider, kind=Provider.Kind.TTS).exists()
            if provider not in kept and not known:
                raise CommandError(f"there is no text-to-speech provider named {provider!r}")
        store.clear(bot=bot, provider=provider)
        whose = f" of provider {provider}" if provider else f" for bot {bot}" if bot else ""
        self.stdout.write(f"Cleared: from the next prompt on, all{whose} are synthesised anew.")


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f}"
