"""Machines that call the gateway's API, what they used of it, and answers kept for a repeat."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from oauth2_provider.models import AbstractApplication

from bots.models.configuration import Bot


class ApiClient(AbstractApplication):  # type: ignore[misc]  # the package is untyped
    """A machine that obtains OAuth access tokens by its client credentials (RFC 6749, 4.4).

    It is always confidential and knows no other grant. ``allowed_scopes`` limits what it can ask
    for; a client that is not ``enabled`` can neither obtain nor use tokens. Its scopes reach every
    bot, or those in ``bots``.
    """

    allowed_scopes = models.JSONField(default=list, blank=True)
    enabled = models.BooleanField(default=True)
    owner = models.CharField(max_length=200, blank=True, help_text="Whom to ask about it.")
    notes = models.TextField(max_length=2000, blank=True)
    all_bots = models.BooleanField(
        default=True, help_text="Scopes reach every bot, later ones too."
    )
    bots = models.ManyToManyField(Bot, blank=True, related_name="clients")
    allowed_networks = models.JSONField(
        default=list, blank=True, help_text="Such as 192.0.2.0/24; empty: any address."
    )
    rate_per_second = models.PositiveIntegerField(
        default=50, help_text="Requests to the API; twice as many at once."
    )
    dialouts_per_second = models.FloatField(default=5.0)
    max_dialouts = models.PositiveIntegerField(
        default=50, help_text="Outbound calls at the same time, those that ring included."
    )
    notify_hosts = models.JSONField(
        default=list,
        blank=True,
        help_text="Hosts that it may have notified; empty: any public one.",
    )
    sign_notifications = models.BooleanField(
        default=True, help_text="Notifications of its dialouts carry a Standard Webhooks signature."
    )
    notification_secret = models.JSONField(
        null=True, blank=True, help_text="Encrypted; what such signatures are made with."
    )
    previous_secret = models.CharField(
        max_length=255, blank=True, help_text="Hash of the secret before the last rotation."
    )
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta(AbstractApplication.Meta):  # type: ignore[misc]  # the same
        constraints: ClassVar = [
            models.CheckConstraint(
                name="api_client_credentials_only",
                condition=Q(
                    client_type=AbstractApplication.CLIENT_CONFIDENTIAL,
                    authorization_grant_type=AbstractApplication.GRANT_CLIENT_CREDENTIALS,
                    hash_client_secret=True,
                ),
            ),
            models.CheckConstraint(
                name="api_client_limits_positive",
                condition=Q(rate_per_second__gte=1, dialouts_per_second__gt=0, max_dialouts__gte=1),
            ),
            models.CheckConstraint(
                name="api_client_old_secret_expires",
                condition=Q(previous_secret="", previous_secret_until=None)
                | ~Q(previous_secret="") & Q(previous_secret_until__isnull=False),
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the client, confidential and with hashed secret whatever it was set to."""
        self.client_type = self.CLIENT_CONFIDENTIAL
        self.authorization_grant_type = self.GRANT_CLIENT_CREDENTIALS
        self.hash_client_secret = True
        super().save(*args, **kwargs)

    def is_usable(self, request: object) -> bool:
        """Whether tokens may be issued to this client and accepted from it."""
        return self.enabled


class MintedToken(models.Model):
    """The name of an access token that a person made for a client; the token itself is not kept."""

    token = models.OneToOneField(
        "oauth2_provider.AccessToken", on_delete=models.CASCADE, related_name="minted"
    )
    name = models.CharField(max_length=100)
    author = models.CharField(max_length=150, help_text="Who made it.")
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class ClientUsage(models.Model):
    """How often a client called the API in one hour."""

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="usage")
    hour = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(
        default=0, help_text="Among them those without permission or too many."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "hour"], name="client_usage_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.hour:%Y-%m-%d %H}h"


class IdempotentAnswer(models.Model):
    """What a request with an ``Idempotency-Key`` was answered, for whoever repeats it.

    Written in the transaction of what the request did. ``fingerprint`` is the SHA-256 of its body.
    """

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=100, help_text="Method and path.")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["client", "operation", "key"], name="idempotent_answer_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"
