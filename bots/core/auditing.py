"""What the audit log knows: every kind of event, declared once with its words."""

from enum import StrEnum


class Action(StrEnum):
    """Something worth an audit event; the value is stored, `words` are shown."""

    SIGNED_IN = "person.signed_in"
    SIGN_IN_FAILED = "person.sign_in_failed"
    SIGNED_OUT = "person.signed_out"
    CONFIRMED = "person.confirmed"
    PERSON_CREATED = "person.created"
    PERSON_CHANGED = "person.changed"
    PERSON_DELETED = "person.deleted"
    BOT_CREATED = "bot.created"
    BOT_CHANGED = "bot.changed"
    BOT_DELETED = "bot.deleted"
    TOKEN_MINTED = "bot.token_minted"  # noqa: S105 - the name of an event
    PROVIDER_CREATED = "provider.created"
    PROVIDER_CHANGED = "provider.changed"
    PROVIDER_DELETED = "provider.deleted"
    PROVIDER_TESTED = "provider.tested"
    ROUTE_CREATED = "route.created"
    ROUTE_CHANGED = "route.changed"
    ROUTE_DELETED = "route.deleted"
    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CONFIGURATION_EXPORTED = "configuration.exported"
    CONFIGURATION_IMPORTED = "configuration.imported"
    TRANSCRIPT_READ = "call.transcript_read"
    TRANSCRIPTS_SEARCHED = "call.transcripts_searched"
    TRANSCRIPT_DOWNLOADED = "call.transcript_downloaded"
    CALL_FOLLOWED = "call.followed"
    CALL_LISTENED = "call.listened"
    CALL_CONTROLLED = "call.controlled"
    CALLS_EXPORTED = "call.exported"
    CALL_DELETED = "call.deleted"
    TEST_CALL_PLACED = "call.test_placed"

    @property
    def words(self) -> str:
        """The action in words, such as ``Read a transcript``."""
        return _TITLES[self]


_TITLES = {
    Action.SIGNED_IN: "Signed in",
    Action.SIGN_IN_FAILED: "Failed to sign in",
    Action.SIGNED_OUT: "Signed out",
    Action.CONFIRMED: "Confirmed the password",
    Action.PERSON_CREATED: "Added a person",
    Action.PERSON_CHANGED: "Changed a person",
    Action.PERSON_DELETED: "Removed a person",
    Action.BOT_CREATED: "Created a bot",
    Action.BOT_CHANGED: "Changed a bot",
    Action.BOT_DELETED: "Deleted a bot",
    Action.TOKEN_MINTED: "Minted a bot's token",
    Action.PROVIDER_CREATED: "Created a provider",
    Action.PROVIDER_CHANGED: "Changed a provider",
    Action.PROVIDER_DELETED: "Deleted a provider",
    Action.PROVIDER_TESTED: "Tested a provider",
    Action.ROUTE_CREATED: "Created a route",
    Action.ROUTE_CHANGED: "Changed a route",
    Action.ROUTE_DELETED: "Deleted a route",
    Action.CLIENT_CREATED: "Created an API client",
    Action.CLIENT_CHANGED: "Changed an API client",
    Action.CONFIGURATION_EXPORTED: "Exported the configuration",
    Action.CONFIGURATION_IMPORTED: "Imported a configuration",
    Action.TRANSCRIPT_READ: "Read a transcript",
    Action.TRANSCRIPTS_SEARCHED: "Searched in transcripts",
    Action.TRANSCRIPT_DOWNLOADED: "Downloaded a transcript",
    Action.CALL_FOLLOWED: "Followed a live call",
    Action.CALL_LISTENED: "Listened to a live call",
    Action.CALL_CONTROLLED: "Stepped into a live call",
    Action.CALLS_EXPORTED: "Exported calls",
    Action.CALL_DELETED: "Deleted a call",
    Action.TEST_CALL_PLACED: "Placed a test call",
}
