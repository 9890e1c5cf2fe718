"""Every metric of the gateway; what is read at a scrape only is filled by the project."""

from prometheus_client import GCCollector, ProcessCollector

from calls.core.waterfall import REST, SEGMENTS
from calls.telemetry.declare import REGISTRY, Names, counter, gauge, histogram, read

DELAY_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
CALL_S = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
REQUEST_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

bot_name, provider_name, channel_name = Names(), Names(), Names(most=20)

# --- calls ------------------------------------------------------------------------------------

CALLS_STARTED = counter("gateway_calls_started_total", "Calls that began.", "channel", "direction")
CALLS_ACTIVE = gauge("gateway_calls_active", "Calls that are going on.", "channel", "direction")
CALLS_ENDED = counter(
    "gateway_calls_ended_total",
    "Calls that ended: by whom, and why (ordinary, transferred, a timer, or what failed).",
    "channel", "direction", "ended_by", "reason",
)  # fmt: skip
CALL_DURATION = histogram(
    "gateway_call_duration_seconds", "How long calls lasted.", "direction", buckets=CALL_S
)
BOT_CALLS = counter("gateway_bot_calls_total", "Calls that began, by bot.", "bot")
BOT_TURNS = counter("gateway_bot_turns_total", "Turns of callers that went to the bot.", "bot")
BARGE_INS = counter("gateway_barge_ins_total", "How often callers cut a bot off.", "bot")

STAGES = (*SEGMENTS, REST)
STAGE_DELAY = histogram(
    "gateway_turn_stage_seconds",
    "Parts of the silence between a caller's last word and the answer: end of speech "
    "(endpointing), recognition, collection, bot, synthesis, delivery; unexplained is the rest.",
    "stage",
    buckets=DELAY_S,
)
SILENCE = histogram(
    "gateway_turn_silence_seconds",
    "The whole silence between a caller's last word and the first sound of the answer.",
    buckets=DELAY_S,
)

# --- what calls rely on ---------------------------------------------------------------------------

PROVIDER_REQUESTS = counter(
    "gateway_provider_requests_total",
    "Uses of providers in calls, those that failed as well: answers of bots, texts of recognisers, "
    "prompts that a synthesiser made (not those of the cache).",
    "kind", "provider",
)  # fmt: skip
PROVIDER_ERRORS = counter(
    "gateway_provider_errors_total",
    "Uses of providers in calls that failed.",
    "kind", "provider", "fault",
)  # fmt: skip
TTS_CACHE = counter(
    "gateway_tts_cache_total",
    "Prompts asked of the cache: had in memory, had in the store, shared with another call that "
    "waits for the same, or missed.",
    "outcome",
)

# --- frames, and the process that carries them ------------------------------------------------

FRAMES_IN = read("gateway_frames_in_total", "Pieces of callers' audio that came.")
FRAMES_OUT = read("gateway_frames_out_total", "Pieces of audio sent to callers.")
FRAMES_DROPPED = read(
    "gateway_frames_dropped_total",
    "Pieces of callers' audio given up because the recogniser was not ready in time.",
)
FRAMES_LATE = read(
    "gateway_frames_late_total",
    "Pieces of audio sent after the caller had heard all that was sent before: a gap.",
)
CALLS_LIMIT = read("gateway_calls_limit", "Calls that the process carries at once, at most.")
DRAINING = read("gateway_draining", "1 while the process takes no more calls.")
LOOP_LAG = read(
    "gateway_loop_lag_p99_seconds",
    "How late the event loop was lately, in 99 of 100 looks at most.",
    unit="seconds",
)
RECORDS_WAITING = read(
    "gateway_records_waiting", "Facts of calls that wait to be written to the database."
)
RECORDS_LOST = read(
    "gateway_records_lost_total", "Details of calls given up while the database was away."
)
TRACES_SENT = read(
    "gateway_traces_sent_total", "Turns and calls that the collector of traces took."
)
TRACES_DROPPED = read(
    "gateway_traces_dropped_total",
    "Turns and calls whose traces were given up because the collector was away or too slow.",
)
BUILD = read("gateway_build_info", "Always 1; the labels say what runs.", "version", "python")
HTTP_REQUESTS = counter(
    "gateway_http_requests_total",
    "Requests of the console, the API and machines; the route is the name of the address.",
    "route", "method", "status",
)  # fmt: skip
HTTP_DURATION = histogram(
    "gateway_http_request_duration_seconds", "How long requests took.", "route", buckets=REQUEST_S
)

# --- the installation as a whole ------------------------------------------------------------------

DATABASE_UP = read(
    "gateway_database_up", "Whether the database answered this scrape.", scope="installation"
)
UNREACHABLE = read(
    "gateway_processes_unreachable",
    "Web processes of this machine that did not tell their metrics.",
    scope="installation",
)
PROCESSES = read(
    "gateway_processes",
    "Processes by what they do: alive, draining, or silent (gone without a word, for an hour).",
    "role",
    "state",
    scope="installation",
)
QUEUE_WAITING = read(
    "gateway_queue_waiting",
    "What waits for its turn: webhooks' notifications (the outbox), those of alarms, outbound "
    "calls that are due, exports.",
    "queue",
    scope="installation",
)
QUEUE_OLDEST = read(
    "gateway_queue_oldest_seconds",
    "For how long the first of a queue has been waiting.",
    "queue",
    unit="seconds",
    scope="installation",
)
QUEUE_DEAD = read(
    "gateway_queue_dead", "What was given up and can be sent again.", "queue", scope="installation"
)
ALARMS = read("gateway_alarm_active", "Active alarms.", "type", "severity", scope="installation")
DIALOUTS = read(
    "gateway_dialouts", "Outbound calls that have not ended.", "state", scope="installation"
)

# process_cpu_seconds_total, process_resident_memory_bytes and others; python_gc_…
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)
