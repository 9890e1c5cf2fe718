"""The metrics of one call: a few counters a turn, nothing for a frame."""

from bots.core.errors import Fault
from calls.core import commands
from calls.core.closing import Cause
from calls.core.waterfall import Waterfall
from calls.telemetry import metrics

SERVICES = ("bot", "stt", "tts")

_STAGES = {stage: metrics.STAGE_DELAY.labels(stage) for stage in metrics.STAGES}


def reason_of(finish: commands.Finish) -> str:
    """Why a call ended, as one of a few words.

    NB Reason codes may be the peer's own words; so only what is known here is told.
    """
    service = finish.cause.partition(":")[0]
    if service in SERVICES:
        return f"{service}-failed"
    if finish.cause in tuple(Cause):
        return finish.cause
    if finish.reason_code == "transferred":
        return "transferred"
    return "error" if finish.cause or finish.reason_code == "error" else "ordinary"


def counted(kind: str, provider: str, fault: Fault | None = None) -> None:
    """``provider`` was used once; without a ``fault`` it did what it is there for."""
    name = metrics.provider_name(provider)
    metrics.PROVIDER_REQUESTS.labels(kind, name).inc()
    if fault is not None:
        metrics.PROVIDER_ERRORS.labels(kind, name, fault).inc()


class CallMetrics:
    """Counts for one call of ``bot``."""

    def __init__(self, bot: str) -> None:
        self._bot = metrics.bot_name(bot)
        self._channel = self._direction = ""
        self._barge_ins = 0

    def opened(self, *, channel: str, direction: str) -> None:
        """The call began."""
        self._channel, self._direction = metrics.channel_name(channel), direction
        metrics.CALLS_STARTED.labels(self._channel, direction).inc()
        metrics.CALLS_ACTIVE.labels(self._channel, direction).inc()
        metrics.BOT_CALLS.labels(self._bot).inc()

    def turn(self, fall: Waterfall, barge_ins: int) -> None:
        """A turn has ended; ``barge_ins``: how often the caller has cut the bot off by now."""
        metrics.BOT_TURNS.labels(self._bot).inc()
        self._cut(barge_ins)
        took_ms = {segment.name: segment.ms for segment in fall.segments}
        if fall.silence_ms is not None:
            metrics.SILENCE.observe(fall.silence_ms / 1000)
            took_ms = dict.fromkeys(metrics.STAGES, 0) | took_ms  # those that took no time count
        for stage, ms in took_ms.items():
            _STAGES[stage].observe(ms / 1000)

    def closed(self, finish: commands.Finish, *, lasted_s: float, barge_ins: int) -> None:
        """The call ended."""
        self._cut(barge_ins)
        metrics.CALLS_ACTIVE.labels(self._channel, self._direction).dec()
        metrics.CALL_DURATION.labels(self._direction).observe(max(0.0, lasted_s))
        metrics.CALLS_ENDED.labels(
            self._channel, self._direction, finish.ended_by, reason_of(finish)
        ).inc()

    def _cut(self, barge_ins: int) -> None:
        if barge_ins > self._barge_ins:
            metrics.BARGE_INS.labels(self._bot).inc(barge_ins - self._barge_ins)
            self._barge_ins = barge_ins
