"""Before the first call: have speech services ready whose first request is slow."""

from contextlib import aclosing

import structlog
from django.db import DatabaseError

from bots.core.errors import ParameterError, ServiceError
from bots.core.params.sections.speech import Speech
from bots.core.ports import SynthesisRequest
from bots.selectors import CallConfiguration, call_configuration, callable_bots
from calls.database import db
from calls.session.ear import recognition_request
from calls.session.plugins import CallPlugins, PluginShelf

MAX_BOTS = 20
"""Bots that are prepared; each recogniser keeps a model for each of them."""

log = structlog.get_logger(__name__)


async def warm_up(shelf: PluginShelf) -> None:
    """Make one small request to each service with a cold start that a bot uses.

    What fails here is logged and fails again, visibly, in the call that needs it.
    """
    try:
        names = await db(callable_bots, MAX_BOTS)
        for name in names:
            configuration = await db(call_configuration, name)
            await _warm(configuration, shelf.of(configuration))
    except (ServiceError, LookupError, ParameterError, DatabaseError) as error:
        log.warning("speech.not_warm", reason=str(error))
    else:
        log.info("speech.warm", bots=len(names))


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
            await anext(pieces)
