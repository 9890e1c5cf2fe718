"""Whether providers with an alarm work again, asked without waiting for the next call.

Each provider that has an alarm is asked for one small thing once a minute, whatever the number of
calls; that is no parameter. It bounds what a paid service costs while it is broken (1,440 requests
a day, each as small as a test from its page), and tells of a recovery before people would look
again. Providers without an alarm are never asked.
"""

import asyncio

import structlog

from alarms import board, desk
from alarms.core.catalogue import (
    BOT_PROVIDER_FAILURE,
    STT_PROVIDER_FAILURE,
    TTS_PROVIDER_FAILURE,
)
from bots.models import Provider
from bots.net import outbound
from bots.probes import Outcome
from bots.services.probing import tried
from bots.workers.pool import close_pools
from calls.database import db

KINDS = {
    "bot": BOT_PROVIDER_FAILURE,
    "stt": STT_PROVIDER_FAILURE,
    "tts": TTS_PROVIDER_FAILURE,
}
MOST = 8
"""Providers that one run asks, side by side; of more, those that were raised last come later."""

log = structlog.get_logger(__name__)


def ask_failing_providers() -> None:
    """Ask each provider with an alarm once, and tell what came of it."""
    providers = _with_alarm()
    if not providers:
        return
    for provider, outcome in zip(providers, asyncio.run(_ask(providers)), strict=True):
        log.info("provider.asked_again", provider=provider.name, ok=outcome.ok)
        if outcome.ok:
            desk.worked(KINDS[provider.kind], provider.name)
        else:
            # It goes on: the alarm is not forgotten while nobody calls.
            detail = f"{outcome.fault}: {outcome.detail}" if outcome.fault else outcome.detail
            desk.failed(KINDS[provider.kind], provider.name, detail, certain=True)


def _with_alarm() -> list[Provider]:
    names = {kind.name: service for service, kind in KINDS.items()}
    prefix = BOT_PROVIDER_FAILURE.source("x")[:-1]
    wanted = [
        (names[each.type], each.source.removeprefix(prefix))
        for each in sorted(board.current().alarms, key=lambda alarm: alarm.raised_at)
        if each.type in names
    ][:MOST]
    found = {
        (row.kind, row.name): row
        for row in Provider.objects.filter(name__in=[name for _kind, name in wanted])
    }
    return [found[key] for key in wanted if key in found]


async def _ask(providers: list[Provider]) -> list[Outcome]:
    """NB on one loop, which ends with everything that the plug-ins began on it."""
    try:
        return await asyncio.gather(*(db(tried, provider) for provider in providers))
    finally:
        await close_pools()
        await outbound().close()
