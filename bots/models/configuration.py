"""What is configured: providers, bots with their inheritance and history, routes.

Rules that one row can show are constraints of the database. Rules between rows (a base must be a
base bot, no cycles, a provider of the right kind, a route ends at a bot that takes calls) are kept
by `bots.services`, through which all writes go.
"""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

# NB \Z, not $: in Python $ also matches before a line feed at the end.
SLUG = r"^[a-z0-9][a-z0-9_-]*\Z"
"""Names of bots and providers: they appear in URLs, logs and file names."""
# Of an access token: SHA-256 in hexadecimal.
_DIGEST = r"^[0-9a-f]{64}\Z"
MAX_DEPTH = 8
"""How many base bots may stand above a bot."""
_NUMBERS = r"^(\+?[0-9]+\*?|\*)\Z"

_slug = RegexValidator(
    SLUG, "Use lower-case letters, digits, - and _, beginning with a letter or digit."
)


class Provider(models.Model):
    """A configured bot framework or speech service; ``params`` holds the plug-in's own values.

    ``credentials`` holds what the plug-in proves itself with, by wire name: encrypted like every
    secret (see `bots.secrets`), or a reference to where it is kept.
    """

    class Kind(models.TextChoices):
        """What the provider does in a call."""

        BOT = "bot", _("bot framework")
        STT = "stt", _("speech to text")
        TTS = "tts", _("text to speech")
        VAD = "vad", _("voice activity detection")
        CARRIER = "carrier", _("carrier of outbound calls")

    name = models.CharField(max_length=100, unique=True, validators=[_slug])
    kind = models.CharField(max_length=7, choices=Kind)
    plugin = models.CharField(max_length=64, help_text="Name of the plug-in of that kind.")
    params = models.JSONField(default=dict, blank=True, help_text="Own values, by wire name.")
    credentials = models.JSONField(default=dict, blank=True, help_text="By wire name, encrypted.")
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    test_result = models.JSONField(
        null=True, blank=True, help_text="The last test: its steps, and what failed."
    )

    class Meta:
        ordering: ClassVar = ["kind", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(name="provider_name_is_slug", condition=Q(name__regex=SLUG)),
            models.CheckConstraint(
                name="provider_kind_known",
                condition=Q(kind__in=["bot", "stt", "tts", "vad", "carrier"]),
            ),
            models.CheckConstraint(name="provider_names_plugin", condition=~Q(plugin="")),
            models.CheckConstraint(name="provider_revision_from_one", condition=Q(revision__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name


class Bot(models.Model):
    """A bot that takes calls, or a base bot: a template that others inherit from and nobody calls.

    ``params`` holds own values only, secrets encrypted (see `bots.secrets`); what is absent, and
    each empty provider, is inherited from ``base``. ``revision`` counts every change.
    """

    class Access(models.TextChoices):
        """What a voice gateway must present to reach the bot."""

        NONE = "none", "nothing"
        TOKEN = "token", "the bot's permanent token"
        OAUTH = "oauth", "an OAuth access token with scope voice:connect"

    name = models.CharField(max_length=100, unique=True, validators=[_slug])
    display_name = models.CharField(max_length=200, blank=True)
    is_base = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    base = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="heirs",
        limit_choices_to={"is_base": True},
    )
    provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bots",
        limit_choices_to={"kind": "bot"},
    )
    stt_provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bots_by_stt",
        limit_choices_to={"kind": "stt"},
    )
    tts_provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bots_by_tts",
        limit_choices_to={"kind": "tts"},
    )
    vad_provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bots_by_vad",
        limit_choices_to={"kind": "vad"},
    )
    carrier_provider = models.ForeignKey(
        Provider,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bots_by_carrier",
        limit_choices_to={"kind": "carrier"},
        help_text="Who places its outbound calls.",
    )
    params = models.JSONField(default=dict, blank=True, help_text="Own values, by wire name.")
    revision = models.PositiveIntegerField(default=1)
    access_mode = models.CharField(max_length=5, choices=Access, default=Access.NONE)
    token_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="SHA-256 of the permanent token."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(name="bot_name_is_slug", condition=Q(name__regex=SLUG)),
            models.CheckConstraint(name="bot_revision_from_one", condition=Q(revision__gte=1)),
            models.CheckConstraint(
                name="bot_is_not_its_own_base", condition=Q(base=None) | ~Q(base=F("id"))
            ),
            models.CheckConstraint(
                name="bot_access_known", condition=Q(access_mode__in=["none", "token", "oauth"])
            ),
            # NB a digest outside mode token would come back to life when the mode is changed.
            models.CheckConstraint(
                name="bot_token_iff_mode_token",
                condition=Q(access_mode="token", token_digest__regex=_DIGEST)
                | ~Q(access_mode="token") & Q(token_digest=""),
            ),
            models.CheckConstraint(
                name="bot_base_takes_no_calls", condition=Q(is_base=False) | Q(access_mode="none")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BotRevision(models.Model):
    """One state of a bot's configuration, as it was after a change; never altered.

    Secrets in ``params`` are encrypted; only a rotation of keys encrypts them anew. ``settings``
    holds the other fields by name, references as names; access tokens are not kept.
    """

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    at = models.DateTimeField(auto_now_add=True)
    author = models.CharField(max_length=150)
    message = models.CharField(max_length=500, blank=True)
    params = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["bot", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bot", "number"], name="bot_revision_unique"),
            models.CheckConstraint(name="bot_revision_number_from_one", condition=Q(number__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id}@{self.number}"


class Route(models.Model):
    """Which bot takes a call: the first rule in order of ``priority`` that matches wins.

    ``pattern`` is a called number in which ``*`` stands for any further digits: ``+15550100``,
    ``+1555*``, ``*``. ``host`` is where the call was sent to, ``header_value`` what a SIP header
    holds; in both ``*`` stands for anything, and empty means any.
    """

    priority = models.PositiveIntegerField(default=100)
    pattern = models.CharField(
        max_length=64,
        default="*",
        validators=[RegexValidator(_NUMBERS, "Use a number such as +15550100, +1555* or *.")],
    )
    host = models.CharField(max_length=253, blank=True)
    header_name = models.CharField(max_length=100, blank=True)
    header_value = models.CharField(max_length=200, blank=True)
    bot = models.ForeignKey(
        Bot, on_delete=models.CASCADE, related_name="routes", limit_choices_to={"is_base": False}
    )
    enabled = models.BooleanField(default=True)
    note = models.CharField(max_length=200, blank=True)
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["priority", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="route_pattern_wellformed",
                condition=Q(pattern__regex=_NUMBERS),
            ),
            models.CheckConstraint(
                name="route_header_value_has_a_name",
                condition=Q(header_value="") | ~Q(header_name=""),
            ),
            models.UniqueConstraint(
                fields=["pattern", "host", "header_name", "header_value"],
                name="route_conditions_unique",
            ),
            models.CheckConstraint(name="route_revision_from_one", condition=Q(revision__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} -> {self.bot_id}"
