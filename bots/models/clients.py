"""Machines that call the gateway's API."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from oauth2_provider.models import AbstractApplication


class ApiClient(AbstractApplication):  # type: ignore[misc]  # the package is untyped
    """A machine that obtains OAuth access tokens by its client credentials (RFC 6749, 4.4).

    It is always confidential and knows no other grant. ``allowed_scopes`` limits what it can ask
    for; a client that is not ``enabled`` can neither obtain nor use tokens.
    """

    allowed_scopes = models.JSONField(default=list, blank=True)
    enabled = models.BooleanField(default=True)

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
