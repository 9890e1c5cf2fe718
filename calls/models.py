"""Call records: the CDR, the transcript, the times of each turn, and the leases of processes."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from bots.models import Bot


def _follows(later: str, earlier: str) -> Q:
    """``later`` did not happen, or not before ``earlier``."""
    return Q(**{later: None}) | Q(**{f"{earlier}__isnull": False, f"{later}__gte": F(earlier)})


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
    caller = models.CharField(max_length=200, blank=True)
    callee = models.CharField(max_length=200, blank=True)
    owner = models.CharField(max_length=64, help_text="Process that has the call.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    turns = models.PositiveIntegerField(default=0)
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

    class Meta:
        ordering: ClassVar = ["-started_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["-started_at", "id"], name="call_by_start"),
            models.Index(fields=["owner"], name="call_active", condition=Q(state="active")),
            models.Index(fields=["conversation_id"], name="call_by_conversation"),
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
        max_length=8, choices=[("caller", "caller"), ("bot", "bot"), ("system", "system")]
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

    class Meta:
        ordering: ClassVar = ["call", "turn"]
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

    def __str__(self) -> str:
        return self.owner
