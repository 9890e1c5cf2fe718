"""Filling placeholders without ever holding up the event loop, whatever an expression does."""

import asyncio
import json
import signal
from collections.abc import Mapping

from bots.core.activities import Json
from bots.core.errors import Fault, PlaceholderError, ServiceError
from bots.core.params.placeholders import fill_paths
from bots.workers.frames import Fill, Filled
from bots.workers.job import Answer
from bots.workers.placeholders import DEADLINE_S
from bots.workers.pool import pool_for

START_TIMEOUT_S = 15.0
"""How long a worker may take to start and answer; the filling has its own, shorter deadline."""
_ALARM = f"(code {-signal.SIGALRM})"


async def filled(template: str, variables: Mapping[str, Json]) -> str:
    """``template`` with every placeholder replaced by the value of its expression.

    JavaScript runs in a worker process of the running loop (see `bots.workers.pool`).

    Raises:
        PlaceholderError: see `bots.core.params.placeholders.fill`; also when an expression is not
            done after `DEADLINE_S`.
    """
    if (plain := fill_paths(template, variables)) is not None:
        return plain
    try:
        data = json.dumps(variables)
    except RecursionError:
        raise PlaceholderError("the variables are nested too deep") from None
    answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def heard(what: Answer) -> None:
        if not answer.done():
            answer.set_result(what)

    job = pool_for("placeholders", "placeholders").start(heard, timeout=START_TIMEOUT_S)
    try:
        job.send(Fill(job.number, template, data))
        job.expect_answer()
        match await answer:
            case Filled(text=text):
                return text
            case ServiceError(fault=Fault.INVALID_REQUEST, detail=reason):
                raise PlaceholderError(reason)
            case ServiceError(detail=detail) if _ALARM in detail:
                raise PlaceholderError(f"the expression was not done after {DEADLINE_S:g} s")
            case other:
                raise PlaceholderError(f"it could not be evaluated: {other}")
    finally:
        job.close()
