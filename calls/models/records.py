"""Call records: the CDR, the transcript, the times of each turn, and the leases of processes."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from bots.models import Bot


def _follows(later: str, earlier: str) -> Q:
    """``later`` did not happen, or not before ``earlier``."""
    return Q(**{later: None}) | Q(**{f"{earlier}__isnull": False, f"{later}__gte": F(earlier)})


class Snapshot(models.Model):
    """The effective configuration of calls, as it was; calls with the same share one row.

    ``values`` maps each wire name to its value and origin, secrets masked.
    """

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the values.")
    values = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:12]


class Call(models.Model):
    """One call detail record (CDR); written when the call starts and completed when it ends."""

    class State(models.TextChoices):
        """Whether the call is still going on."""

        ACTIVE = "active"
        ENDED = "ended"

    class EndedBy(models.TextChoices):
        """Who ended the call."""

        CALLER = "caller"
        BOT = "bot"
        GATEWAY = "gateway"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    conversation_id = models.CharField(max_length=200, help_text="The voice side's own id.")
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    channel = models.CharField(max_length=32, help_text="Voice channel plug-in, e.g. audiocodes.")
    mode = models.CharField(max_length=8, choices=[("voice", "voice"), ("text", "text")])
    direction = models.CharField(
        max_length=8, choices=[("inbound", "inbound"), ("outbound", "outbound")], default="inbound"
    )
    is_test = models.BooleanField(default=False)
    bot = models.ForeignKey(Bot, null=True, on_delete=models.SET_NULL, related_name="calls")
    bot_name = models.CharField(max_length=100)
    bot_revision = models.PositiveIntegerField()
    snapshot = models.ForeignKey(
        Snapshot, null=True, blank=True, on_delete=models.SET_NULL, related_name="calls"
    )
    caller = models.CharField(max_length=200, blank=True)
    callee = models.CharField(max_length=200, blank=True)
    owner = models.CharField(max_length=64, help_text="Process that has the call.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    turns = models.PositiveIntegerField(default=0)
    silence_median_ms = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of the waits for a reply in this call."
    )
    silence_max_ms = models.PositiveIntegerField(null=True, blank=True)
    faults = models.PositiveIntegerField(
        default=0, help_text="How often bot, recogniser or synthesiser failed."
    )
    ended_by = models.CharField(max_length=8, choices=EndedBy, blank=True)
    reason_code = models.CharField(
        max_length=40, blank=True, help_text="One of the Bot API's, e.g. client-disconnected."
    )
    reason = models.CharField(max_length=500, blank=True, help_text="In words.")
    cause = models.CharField(
        max_length=80,
        blank=True,
        help_text="The timer or fault that ended the call, e.g. user-no-input or tts:timeout.",
    )
    recordings = models.JSONField(
        default=list, blank=True, help_text="Ids of the call's recording sessions."
    )
    transcript_days = models.PositiveSmallIntegerField(
        default=1, help_text="How long the transcript is kept after the call; 0: it is not stored."
    )
    transcript_expires_at = models.DateTimeField(null=True, blank=True)
    transcript_deleted_at = models.DateTimeField(null=True, blank=True)
    frames_in = models.PositiveBigIntegerField(default=0)
    frames_dropped = models.PositiveBigIntegerField(default=0)
    bot_result = models.JSONField(null=True, blank=True)
    webhook = models.JSONField(
        null=True,
        blank=True,
        help_text="Encrypted: who is told of the call, and of what; see `calls.callevents`.",
    )

    class Meta:
        ordering: ClassVar = ["-started_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["-started_at", "id"], name="call_by_start"),
            models.Index(fields=["owner"], name="call_active", condition=Q(state="active")),
            models.Index(fields=["conversation_id"], name="call_by_conversation"),
            models.Index(fields=["bot", "-started_at"], name="call_by_bot"),
            models.Index(fields=["bot_name", "-started_at", "id"], name="call_by_bot_name"),
            models.Index(fields=["ended_at"], name="call_by_end"),
            models.Index(
                fields=["transcript_expires_at"],
                name="call_transcript_due",
                condition=Q(transcript_expires_at__isnull=False, transcript_deleted_at=None),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="call_ended_is_complete",
                condition=Q(state="active", ended_at=None, ended_by="", reason_code="")
                | Q(state="ended", ended_at__isnull=False) & ~Q(ended_by="") & ~Q(reason_code=""),
            ),
            models.CheckConstraint(
                name="call_ends_after_start",
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
            ),
            # What callers said is never kept for ever by an oversight.
            models.CheckConstraint(
                name="call_transcript_expires",
                condition=Q(transcript_expires_at=None) & (Q(state="active") | Q(transcript_days=0))
                | Q(state="ended", transcript_days__gt=0, transcript_expires_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot_name} {self.started_at:%Y-%m-%d %H:%M:%S}"


class TranscriptEntry(models.Model):
    """One line of a call's transcript, as heard; ``seq`` counts from 1 without gaps."""

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="entries")
    seq = models.PositiveIntegerField()
    offset_ms = models.PositiveIntegerField(help_text="Since the call started.")
    side = models.CharField(
        max_length=8,
        choices=[
            ("caller", "caller"),
            ("bot", "bot"),
            ("operator", "operator"),
            ("system", "system"),
        ],
    )
    kind = models.CharField(
        max_length=8, choices=[("speech", "speech"), ("dtmf", "dtmf"), ("event", "event")]
    )
    text = models.TextField(blank=True)
    full_text = models.TextField(blank=True, help_text="The whole prompt when it was cut off.")
    confidence = models.FloatField(null=True, blank=True)
    delay_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["call", "seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "seq"], name="transcript_seq_unique"),
            models.CheckConstraint(name="transcript_seq_from_one", condition=Q(seq__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.call_id}#{self.seq} {self.side}"


class CallEvent(models.Model):
    """Something that happened in a call beside what was said; ``seq`` counts from 1.

    ``detail`` holds no words of the conversation: those are in the transcript alone.
    """

    class Source(models.TextChoices):
        """Who or what it came from."""

        VOICE = "voice", "voice side"
        BOT = "bot"
        GATEWAY = "gateway"
        OPERATOR = "operator"

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    offset_ms = models.PositiveIntegerField(help_text="Since the call started.")
    source = models.CharField(max_length=8, choices=Source)
    name = models.CharField(max_length=64, help_text="Such as transfer, state, fault, parameters.")
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["call", "seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "seq"], name="call_event_seq_unique"),
            models.CheckConstraint(name="call_event_seq_from_one", condition=Q(seq__gte=1)),
        ]
        indexes: ClassVar = [
            models.Index(fields=["call"], name="event_transfer", condition=Q(name="transfer")),
        ]

    def __str__(self) -> str:
        return f"{self.call_id}#{self.seq} {self.name}"


class ServiceFault(models.Model):
    """A failure of a bot, recogniser or synthesiser in a call, for the state of its provider."""

    at = models.DateTimeField(db_index=True)
    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="service_faults")
    service = models.CharField(max_length=8, help_text="bot, stt, tts or channel")
    provider = models.CharField(max_length=100, blank=True, help_text="Name at the time.")
    fault = models.CharField(max_length=20)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["provider", "-at"], name="fault_by_provider"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.service}:{self.fault}"


class TrafficSummary(models.Model):
    """What happened to the calls of one bot in one period; sums and percentiles come from these.

    ``silences`` holds, per stage of the wait for a reply and for the whole of it (``total``), how
    many turns fell into each class of a logarithmic scale (see `calls.core.statistics`).
    """

    start = models.DateTimeField()
    seconds = models.PositiveIntegerField(help_text="Length of the period: 300 or 3600.")
    bot_name = models.CharField(max_length=100)
    started = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    most = models.PositiveIntegerField(default=0, help_text="Calls at once, at most.")
    failures = models.JSONField(default=dict, help_text="Calls by cause of failure.")
    silences = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["seconds", "start", "bot_name"], name="traffic_summary_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot_name} {self.start:%Y-%m-%d %H:%M}"


class CallExport(models.Model):
    """An export that is too large for one response: written by a worker, kept for a while."""

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="call_exports"
    )
    format = models.CharField(max_length=5, choices=[("csv", "CSV"), ("jsonl", "JSONL")])
    query = models.TextField(help_text="The filter, as it stood in the address.")
    columns = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    rows = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.format} export {self.id}"


class SavedView(models.Model):
    """A filter of the call history that one person has given a name."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="call_views"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True, help_text="As it stands in the address.")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_view_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class TurnTiming(models.Model):
    """When what happened in one turn, in milliseconds since the call started.

    The moments are those of `calls.core.commands.RecordTurn`; empty: it did not come to that.
    """

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="timings")
    turn = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=[("speech", "speech"), ("dtmf", "dtmf")])
    caller_stopped_ms = models.PositiveIntegerField()
    end_decided_ms = models.PositiveIntegerField()
    final_text_ms = models.PositiveIntegerField()
    sent_to_bot_ms = models.PositiveIntegerField()
    bot_answered_ms = models.PositiveIntegerField(null=True, blank=True)
    audio_ready_ms = models.PositiveIntegerField(null=True, blank=True)
    audio_sent_ms = models.PositiveIntegerField(null=True, blank=True)
    playback_ended_ms = models.PositiveIntegerField(null=True, blank=True)
    agent = models.JSONField(null=True, blank=True)
    """How long a voice agent says it took; any of `bots.core.agents.LATENCIES`."""

    class Meta:
        ordering: ClassVar = ["call", "turn"]
        indexes: ClassVar = [
            models.Index(fields=["call"], name="turn_by_keys", condition=Q(kind="dtmf")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["call", "turn"], name="turn_unique"),
            models.CheckConstraint(
                name="turn_times_do_not_decrease",
                condition=Q(end_decided_ms__gte=F("caller_stopped_ms"))
                & Q(final_text_ms__gte=F("end_decided_ms"))
                & Q(sent_to_bot_ms__gte=F("final_text_ms"))
                & _follows("bot_answered_ms", "sent_to_bot_ms")
                & _follows("audio_ready_ms", "bot_answered_ms")
                & _follows("audio_sent_ms", "audio_ready_ms")
                & _follows("playback_ended_ms", "audio_sent_ms"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} turn {self.turn}"


class ProcessLease(models.Model):
    """A process that owns calls; renewed every few seconds, swept when it stops being renewed."""

    owner = models.CharField(primary_key=True, max_length=64)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    renewed_at = models.DateTimeField(db_index=True)
    since = models.DateTimeField(
        default=timezone.now, help_text="From then on it was renewed without a gap."
    )
    role = models.CharField(max_length=10, default="web", help_text="web or worker.")
    version = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    vitals = models.JSONField(default=dict, help_text="How it is doing: numbers by name.")
    drain = models.BooleanField(default=False, help_text="People want it to take no more calls.")

    def __str__(self) -> str:
        return self.owner
