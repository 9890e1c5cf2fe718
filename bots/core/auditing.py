"""What the audit log knows: every kind of event, declared once with its words."""

from enum import StrEnum

from bots.core.texts import gettext_noop


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
    BOT_EXAMINED = "bot.examined"
    PROVIDER_CREATED = "provider.created"
    PROVIDER_CHANGED = "provider.changed"
    PROVIDER_DELETED = "provider.deleted"
    PROVIDER_TESTED = "provider.tested"
    ROUTE_CREATED = "route.created"
    ROUTE_CHANGED = "route.changed"
    ROUTE_DELETED = "route.deleted"
    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CLIENT_DELETED = "client.deleted"
    CLIENT_SECRET_ROTATED = "client.secret_rotated"  # noqa: S105 - the name of an event
    CLIENT_TOKEN_MINTED = "client.token_minted"  # noqa: S105 - the name of an event
    CLIENT_TOKEN_REVOKED = "client.token_revoked"  # noqa: S105 - the name of an event
    AUDIT_EXPORTED = "audit.exported"
    ALARMS_EXPORTED = "alarm.exported"
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
    DIALOUT_REQUESTED = "dialout.requested"
    DIALOUT_CANCELLED = "dialout.cancelled"
    DELIVERY_REPLAYED = "delivery.replayed"
    CIRCUIT_CLOSED = "delivery.circuit_closed"
    ALARM_ACKNOWLEDGED = "alarm.acknowledged"
    ALARM_UNACKNOWLEDGED = "alarm.unacknowledged"
    ALARM_SILENCED = "alarm.silenced"
    ALARM_UNSILENCED = "alarm.unsilenced"
    ALARM_CLEARED = "alarm.cleared"
    ALARM_RULE_CHANGED = "alarm_rule.changed"
    ALARM_RULE_REVERTED = "alarm_rule.reverted"
    ALARM_DESTINATION_CREATED = "alarm_destination.created"
    ALARM_DESTINATION_CHANGED = "alarm_destination.changed"
    ALARM_DESTINATION_DELETED = "alarm_destination.deleted"
    ALARM_DESTINATION_TESTED = "alarm_destination.tested"
    ALARM_DESTINATION_RESENT = "alarm_destination.resent"
    ALARM_DESTINATION_RETRIED = "alarm_destination.retried"
    PROCESS_DRAINED = "process.drained"
    PROCESS_UNDRAINED = "process.undrained"
    DIAGNOSTICS_MADE = "diagnostics.made"

    @property
    def words(self) -> str:
        """The action in words, such as ``Read a transcript``."""
        return _TITLES[self]


_TITLES = {
    Action.SIGNED_IN: gettext_noop("Signed in"),
    Action.SIGN_IN_FAILED: gettext_noop("Failed to sign in"),
    Action.SIGNED_OUT: gettext_noop("Signed out"),
    Action.CONFIRMED: gettext_noop("Confirmed the password"),
    Action.PERSON_CREATED: gettext_noop("Added a person"),
    Action.PERSON_CHANGED: gettext_noop("Changed a person"),
    Action.PERSON_DELETED: gettext_noop("Removed a person"),
    Action.BOT_CREATED: gettext_noop("Created a bot"),
    Action.BOT_CHANGED: gettext_noop("Changed a bot"),
    Action.BOT_DELETED: gettext_noop("Deleted a bot"),
    Action.TOKEN_MINTED: gettext_noop("Minted a bot's token"),
    Action.BOT_EXAMINED: gettext_noop("Checked a bot"),
    Action.PROVIDER_CREATED: gettext_noop("Created a provider"),
    Action.PROVIDER_CHANGED: gettext_noop("Changed a provider"),
    Action.PROVIDER_DELETED: gettext_noop("Deleted a provider"),
    Action.PROVIDER_TESTED: gettext_noop("Tested a provider"),
    Action.ROUTE_CREATED: gettext_noop("Created a route"),
    Action.ROUTE_CHANGED: gettext_noop("Changed a route"),
    Action.ROUTE_DELETED: gettext_noop("Deleted a route"),
    Action.CLIENT_CREATED: gettext_noop("Created an API client"),
    Action.CLIENT_CHANGED: gettext_noop("Changed an API client"),
    Action.CLIENT_DELETED: gettext_noop("Deleted an API client"),
    Action.CLIENT_SECRET_ROTATED: gettext_noop("Rotated a secret of an API client"),
    Action.CLIENT_TOKEN_MINTED: gettext_noop("Minted a token of an API client"),
    Action.CLIENT_TOKEN_REVOKED: gettext_noop("Revoked a token of an API client"),
    Action.AUDIT_EXPORTED: gettext_noop("Exported the audit log"),
    Action.ALARMS_EXPORTED: gettext_noop("Exported the history of alarms"),
    Action.CONFIGURATION_EXPORTED: gettext_noop("Exported the configuration"),
    Action.CONFIGURATION_IMPORTED: gettext_noop("Imported a configuration"),
    Action.TRANSCRIPT_READ: gettext_noop("Read a transcript"),
    Action.TRANSCRIPTS_SEARCHED: gettext_noop("Searched in transcripts"),
    Action.TRANSCRIPT_DOWNLOADED: gettext_noop("Downloaded a transcript"),
    Action.CALL_FOLLOWED: gettext_noop("Followed a live call"),
    Action.CALL_LISTENED: gettext_noop("Listened to a live call"),
    Action.CALL_CONTROLLED: gettext_noop("Stepped into a live call"),
    Action.CALLS_EXPORTED: gettext_noop("Exported calls"),
    Action.CALL_DELETED: gettext_noop("Deleted a call"),
    Action.TEST_CALL_PLACED: gettext_noop("Placed a test call"),
    Action.DIALOUT_REQUESTED: gettext_noop("Asked for an outbound call"),
    Action.DIALOUT_CANCELLED: gettext_noop("Cancelled an outbound call"),
    Action.DELIVERY_REPLAYED: gettext_noop("Had a delivery made again"),
    Action.CIRCUIT_CLOSED: gettext_noop("Had a destination tried at once"),
    Action.ALARM_ACKNOWLEDGED: gettext_noop("Acknowledged an alarm"),
    Action.ALARM_UNACKNOWLEDGED: gettext_noop("Took back the acknowledgement of an alarm"),
    Action.ALARM_SILENCED: gettext_noop("Silenced an alarm"),
    Action.ALARM_UNSILENCED: gettext_noop("Ended the silence of an alarm"),
    Action.ALARM_CLEARED: gettext_noop("Cleared an alarm by hand"),
    Action.ALARM_RULE_CHANGED: gettext_noop("Changed the rule of an alarm"),
    Action.ALARM_RULE_REVERTED: gettext_noop("Took back the rule of an alarm"),
    Action.ALARM_DESTINATION_CREATED: gettext_noop("Created a destination of alarms"),
    Action.ALARM_DESTINATION_CHANGED: gettext_noop("Changed a destination of alarms"),
    Action.ALARM_DESTINATION_DELETED: gettext_noop("Deleted a destination of alarms"),
    Action.ALARM_DESTINATION_TESTED: gettext_noop("Tested a destination of alarms"),
    Action.ALARM_DESTINATION_RESENT: gettext_noop("Had active alarms sent again"),
    Action.ALARM_DESTINATION_RETRIED: gettext_noop("Had alarms that were given up sent again"),
    Action.PROCESS_DRAINED: gettext_noop("Had a process take no more calls"),
    Action.PROCESS_UNDRAINED: gettext_noop("Had a process take calls again"),
    Action.DIAGNOSTICS_MADE: gettext_noop("Downloaded a diagnostics file"),
}
