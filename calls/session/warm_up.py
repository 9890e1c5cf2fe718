"""Before the first call: have speech services ready whose first request is slow."""

import asyncio
from contextlib import aclosing

import structlog
from django.db import DatabaseError, InterfaceError

from bots.core.errors import ParameterError, ServiceError
from bots.core.params.sections.speech import Speech
from bots.core.ports import SynthesisRequest
from bots.selectors import CallConfiguration, call_configuration, callable_bots
from calls.database import db
from calls.session.ear import recognition_request
from calls.session.plugins import CallPlugins, PluginShelf

MAX_BOTS = 20
"""Bots that are prepared; each recogniser keeps a model for each of them."""

BOT_TIMEOUT_S = 60.0
"""How long the services of one bot may take."""

log = structlog.get_logger(__name__)


async def warm_up(shelf: PluginShelf) -> None:
    """Make one small request to each service with a cold start that a bot uses.

    What fails here is logged and fails again, visibly, in the call that needs it; it keeps no
    other bot from being prepared.
    """
    try:
        names = await db(callable_bots, MAX_BOTS)
    except (DatabaseError, InterfaceError) as error:
        log.warning("speech.not_warm", reason=type(error).__name__)
        return
    warm = 0
    for name in names:
        try:
            async with asyncio.timeout(BOT_TIMEOUT_S):
                configuration = await db(call_configuration, name)
                await _warm(configuration, shelf.of(configuration))
            warm += 1
        except (ServiceError, LookupError, ParameterError) as error:
            log.warning("speech.not_warm", bot=name, reason=str(error))
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.warning("speech.not_warm", bot=name, reason=type(error).__name__)
    log.info("speech.warm", bots=warm)


async def _warm(configuration: CallConfiguration, plugins: CallPlugins) -> None:
    settings = configuration.resolved[Speech]
    if plugins.stt is not None and plugins.stt.capabilities.cold_start:
        phrases = plugins.connector.phrases()
        best_hz = max(plugins.stt.capabilities.rates_hz)
        request = recognition_request(plugins.stt, settings, phrases, rate_hz=best_hz)
        await (await plugins.stt.open(request)).close()
    if plugins.tts is not None and plugins.tts.capabilities.cold_start:
        hello = SynthesisRequest(
            text="Hello.",
            language=settings.tts_language or settings.language,
            rate_hz=max(plugins.tts.capabilities.rates_hz),
            voice=settings.voice_name,
        )
        async with aclosing(plugins.tts.synthesise(hello)) as pieces:
            await anext(pieces, None)
