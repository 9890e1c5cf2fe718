"""The catalogue: every type of alarm, declared once.

Rules, pages, runbooks, traps, the MIB, alert rules and the reference in the docs follow from it.
A number is never given to another type. It is one table, and for that longer than other files.
"""

from collections.abc import Iterable
from functools import partial

from alarms.core.declare import AlarmType
from alarms.core.severity import Severity
from bots.core.texts import gettext_noop as _

_Often = partial(AlarmType, severity=Severity.MINOR, hold_off_s=60.0, clear_after_s=120.0)
_ServiceFails = partial(
    AlarmType,
    entity="provider",
    forget_after_s=3600.0,
    severity=Severity.MAJOR,
    count=3,
    in_a_row_s=900.0,
    clear_after_s=10.0,
)
_ServiceFailsOften = partial(_Often, entity="provider", forget_after_s=3600.0)

BOT_PROVIDER_FAILURE = _ServiceFails(
    name="botProviderFailure",
    number=1,
    title=_("Bot does not answer as it should"),
    text=_("Bot provider {source} fails: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Callers of the bots behind it hear the failure prompt, or their calls end."),
    steps=(
        _("Test the provider on its page: the test tells which step fails, from name to answer."),
        _("Look whether the bot's own service runs and can be reached from the gateway."),
        _("After a refused key or token, set the credentials of the provider again."),
    ),
)
BOT_PROVIDER_ERROR_RATE = _ServiceFailsOften(
    name="botProviderErrorRate",
    number=2,
    title=_("Bot fails often"),
    text=_("Bot provider {source}: {detail}"),
    cause="thresholdCrossed",
    effect=_("Some callers hear the failure prompt or wait longer than usual."),
    steps=(
        _("Compare the bot's times in the waterfalls of its latest calls."),
        _("Ask the bot's operator about load and limits."),
    ),
)
STT_PROVIDER_FAILURE = _ServiceFails(
    name="sttProviderFailure",
    number=3,
    title=_("Speech recognition fails"),
    text=_("Speech recognition of {source} fails: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Callers are not understood; bots with another recogniser to turn to use that."),
    steps=(
        _("Test the provider on its page."),
        _("After a refused key, set the credentials again; after a used-up quota, raise it."),
        _("Give the bots a second recogniser to turn to, so that the next failure is not heard."),
    ),
)
STT_PROVIDER_ERROR_RATE = _ServiceFailsOften(
    name="sttProviderErrorRate",
    number=4,
    title=_("Speech recognition fails often"),
    text=_("Speech recognition of {source}: {detail}"),
    cause="thresholdCrossed",
    effect=_("Some callers have to say things twice."),
    steps=(
        _("Look at the faults of the provider's latest calls."),
        _("Compare with the status page of its vendor."),
    ),
)
TTS_PROVIDER_FAILURE = _ServiceFails(
    name="ttsProviderFailure",
    number=5,
    title=_("Speech synthesis fails"),
    text=_("Speech synthesis of {source} fails: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Callers hear nothing, or the voice of the synthesiser that is next in line."),
    steps=(
        _("Test the provider on its page."),
        _("After a refused key, set the credentials again; after a used-up quota, raise it."),
        _("Give the bots a second synthesiser to turn to."),
    ),
)
TTS_PROVIDER_ERROR_RATE = _ServiceFailsOften(
    name="ttsProviderErrorRate",
    number=6,
    title=_("Speech synthesis fails often"),
    text=_("Speech synthesis of {source}: {detail}"),
    cause="thresholdCrossed",
    effect=_("Some prompts come late, in another voice or not at all."),
    steps=(
        _("Look at the faults of the provider's latest calls."),
        _("Compare with the status page of its vendor."),
    ),
)
VOICE_CHANNEL_FAILURE = AlarmType(
    name="voiceChannelFailure",
    number=7,
    title=_("Voice connections break"),
    entity="channel",
    severity=Severity.MAJOR,
    text=_("Voice channel {source} breaks: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Calls end in the middle, or do not begin."),
    steps=(
        _("Open one of the latest calls that ended with an error: its events say what came last."),
        _("Look at the SBC or the service that connects calls; it logs why it closed."),
        _("Check the network between it and the gateway for losses and proxies that time out."),
    ),
    count=3,
    window_s=60.0,
    in_a_row_s=900.0,
    clear_after_s=30.0,
    forget_after_s=3600.0,
)
VOICE_CHANNEL_ERROR_RATE = _Often(
    name="voiceChannelErrorRate",
    number=8,
    title=_("Many calls end with an error"),
    entity="channel",
    text=_("Voice channel {source}: {detail}"),
    cause="thresholdCrossed",
    effect=_("Callers are cut off."),
    steps=(
        _("Filter the calls by their end reason, and compare bots and channels."),
        _("Look for other alarms at the same time: most errors have their cause elsewhere."),
    ),
    forget_after_s=3600.0,
)
CHANNEL_AUTHENTICATION = AlarmType(
    name="channelAuthenticationFailure",
    number=9,
    title=_("Calls are refused: wrong token"),
    entity="bot",
    severity=Severity.MINOR,
    text=_("Calls to bot {source} are refused: {detail}"),
    cause="unauthorizedAccessAttempt",
    effect=_("If the token is that of your own voice side, no call reaches the bot."),
    steps=(
        _("Compare the token of the voice side with that on the bot's page; set a new one there."),
        _("If the addresses are not yours, somebody is guessing: block them before the gateway."),
    ),
    count=5,
    window_s=60.0,
    forget_after_s=900.0,
)
API_AUTHENTICATION = AlarmType(
    name="apiAuthenticationFailure",
    number=10,
    title=_("API requests are refused: wrong credentials"),
    entity="api",
    severity=Severity.MINOR,
    text=_("API requests are refused: {detail}"),
    cause="unauthorizedAccessAttempt",
    effect=_("Nothing, unless one of your own systems uses old credentials."),
    steps=(
        _("Look at the API clients: one whose requests stopped has lost its secret or token."),
        _("If the addresses are not yours, block them before the gateway."),
    ),
    count=20,
    window_s=300.0,
    forget_after_s=900.0,
)
SIGN_IN_FAILURE = AlarmType(
    name="signInFailure",
    number=11,
    title=_("Somebody tries passwords"),
    entity="console",
    severity=Severity.MINOR,
    text=_("Sign-ins fail: {detail}"),
    cause="unauthorizedAccessAttempt",
    effect=_("Nothing. A name that is tried too often from one address is locked for a while."),
    steps=(
        _("Look at the audit log: from which addresses, and for whom."),
        _("If the addresses are not yours, block them before the gateway."),
    ),
    count=10,
    window_s=300.0,
    forget_after_s=900.0,
)
OAUTH_REFRESH = AlarmType(
    name="oauthRefreshFailure",
    number=12,
    title=_("A token cannot be fetched"),
    entity="token",
    severity=Severity.MAJOR,
    text=_("No token from {source}: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("When the present token runs out, calls and outbound calls that need it fail."),
    steps=(
        _("Compare token address, client id and secret of the provider with the bot's side."),
        _("Look whether the token service can be reached from the gateway."),
    ),
    count=2,
    window_s=300.0,
    forget_after_s=3600.0,
)
DATABASE_UNAVAILABLE = AlarmType(
    name="databaseUnavailable",
    number=13,
    title=_("The database is away"),
    entity="database",
    severity=Severity.CRITICAL,
    text=_("The database does not answer: {detail}"),
    cause="underlyingResourceUnavailable",
    effect=_(
        "Live calls go on and are recorded when it is back; no new call, page or API request works."
    ),
    steps=(
        _("Look whether the database server runs, has disk space and takes connections."),
        _("Compare DATABASE_URL with the server's address, user and password."),
        _("Records wait in each process's memory: do not restart the gateway before it is back."),
    ),
    hold_off_s=5.0,
    clear_after_s=15.0,
)
MESSAGE_BUS_UNAVAILABLE = AlarmType(
    name="messageBusUnavailable",
    number=14,
    title=_("The message bus is away"),
    entity="bus",
    severity=Severity.CRITICAL,
    text=_("Redis does not answer: {detail}"),
    cause="underlyingResourceUnavailable",
    effect=_(
        "Calls go on. Live pages stand still, supervisors cannot step in, background work waits."
    ),
    steps=(
        _("Look whether Redis or Valkey runs and has memory."),
        _("Compare REDIS_URL with the server's address and password."),
    ),
    hold_off_s=5.0,
    clear_after_s=15.0,
)
WORKER_DOWN = AlarmType(
    name="workerDown",
    number=15,
    title=_("The background worker does nothing"),
    entity="worker",
    severity=Severity.MAJOR,
    text=_("No background worker is at work: {detail}"),
    cause="softwareProgramAbnormallyTerminated",
    effect=_(
        "Callers notice nothing. Webhooks, exports, figures and outbound calls at a set time wait."
    ),
    steps=(
        _("Look whether the processes of the roles worker and beat run; their logs say why not."),
        _("Start them: manage.py gateway with ROLE=worker,beat."),
    ),
    hold_off_s=15.0,
)
PROCESS_LOST = AlarmType(
    name="processLost",
    number=16,
    title=_("A process died"),
    entity="process",
    severity=Severity.MAJOR,
    text=_("Process {source} is gone: {detail}"),
    cause="softwareProgramAbnormallyTerminated",
    effect=_(
        "The calls of a web process were cut off. What a background worker does waits for another."
    ),
    steps=(
        _("Look at the end of its log, and at the kernel's: out of memory kills without a word."),
        _("The supervisor starts it again by itself; if it does not, restart the gateway."),
        _("It clears when another one has taken its place; after calls were lost, 15 minutes on."),
    ),
    clear_after_s=60.0,
    forget_after_s=900.0,
)
QUEUE_DELAYED = AlarmType(
    name="queueDelayed",
    number=17,
    title=_("Work waits for too long"),
    entity="queue",
    severity=Severity.MINOR,
    text=_("The queue {source} is late: {detail}"),
    cause="queueSizeExceeded",
    effect=_("Notifications to your systems, or outbound calls, come late."),
    steps=(
        _("Look at the deliveries: a destination that does not answer holds up its own only."),
        _("See whether the worker runs, and start another one when the load has grown."),
    ),
    hold_off_s=30.0,
)
DELIVERIES_GIVEN_UP = AlarmType(
    name="deliveriesGivenUp",
    number=18,
    title=_("Deliveries were given up"),
    entity="origin",
    severity=Severity.MINOR,
    text=_("Deliveries to {source} were given up: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Your system behind this address was not told of calls."),
    steps=(
        _("Open the deliveries: the last attempt says what the destination answered."),
        _("Mend the destination, then deliver them again from the same page."),
    ),
)
RECORDS_DELAYED = AlarmType(
    name="recordsDelayed",
    number=19,
    title=_("Call records are written late"),
    entity="process",
    severity=Severity.MAJOR,
    text=_("Process {source} writes call records late: {detail}"),
    cause="queueSizeExceeded",
    effect=_("Callers notice nothing; history and webhooks are behind, and are lost in a crash."),
    steps=(
        _("Look at the database: slow disks, locks, connections used up."),
        _("Do not restart the gateway before the records are written."),
    ),
    hold_off_s=10.0,
    forget_after_s=120.0,
)
CALL_CAPACITY = AlarmType(
    name="callCapacityReached",
    number=20,
    title=_("No room for further calls"),
    entity="process",
    severity=Severity.MAJOR,
    text=_("Process {source} is full: {detail}"),
    cause="resourceAtOrNearingCapacity",
    effect=_("Further callers hear the busy tone or are sent elsewhere by the voice side."),
    steps=(
        _("Look at the live calls for some that never end."),
        _("Raise MAX_CALLS if the processor has room, or start further processes."),
    ),
    clear_after_s=30.0,
    forget_after_s=120.0,
)
EVENT_LOOP_DELAYED = AlarmType(
    name="eventLoopDelayed",
    number=21,
    title=_("The process is overloaded"),
    entity="process",
    severity=Severity.MAJOR,
    text=_("Process {source} falls behind: {detail}"),
    cause="cpuCyclesLimitExceeded",
    effect=_("Callers hear gaps and wait longer for answers."),
    steps=(
        _("Look at the processor of the machine: other programs, too many calls."),
        _("Lower MAX_CALLS, or start further processes or machines."),
    ),
    hold_off_s=10.0,
    clear_after_s=30.0,
    forget_after_s=120.0,
)
NO_CALLER_AUDIO = AlarmType(
    name="callerAudioMissing",
    number=22,
    title=_("Calls without the caller's audio"),
    entity="channel",
    severity=Severity.MAJOR,
    text=_("Voice channel {source} brings no audio: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Bots do not hear their callers."),
    steps=(
        _("Open the latest of these calls: its events say whether the stream was ever opened."),
        _("Check media addresses and firewalls between the phone side and the SBC."),
    ),
    count=2,
    window_s=600.0,
    clear_after_s=60.0,
    forget_after_s=3600.0,
)
AUDIO_UNHEARD = AlarmType(
    name="botAudioUnheard",
    number=23,
    title=_("Audio is sent but not played"),
    entity="channel",
    severity=Severity.MAJOR,
    text=_("Voice channel {source} plays nothing: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Callers hear silence while the bot speaks."),
    steps=(
        _("Open the latest of these calls and compare the media format of both sides."),
        _("Check media addresses and firewalls between the SBC and the phone side."),
    ),
    count=2,
    window_s=600.0,
    clear_after_s=60.0,
    forget_after_s=3600.0,
)
CALL_NOT_ENDED = AlarmType(
    name="callNotEnded",
    number=24,
    title=_("Calls do not end"),
    entity="bot",
    severity=Severity.MINOR,
    text=_("Calls of bot {source} go on for very long: {detail}"),
    cause="softwareError",
    effect=_("They take room from other callers, and may cost money."),
    steps=(
        _("Follow the call live: two machines may be talking to each other."),
        _("Hang it up there, and set a longest duration for the bot."),
    ),
    forget_after_s=300.0,
)
CERTIFICATE_EXPIRING = AlarmType(
    name="certificateExpiring",
    number=25,
    title=_("A certificate runs out"),
    entity="certificate",
    severity=Severity.WARNING,
    text=_("The certificate of {source} runs out: {detail}"),
    cause="thresholdCrossed",
    effect=_("Nothing yet. From that day on connections are refused."),
    steps=(_("Renew the certificate where TLS ends, then see that the alarm clears."),),
)
SECRET_EXPIRING = AlarmType(
    name="secretExpiring",
    number=26,
    title=_("A secret or token runs out"),
    entity="secret",
    severity=Severity.WARNING,
    text=_("{source} runs out: {detail}"),
    cause="thresholdCrossed",
    effect=_("Nothing yet. From that day on whoever uses it is refused."),
    steps=(_("Make a new one, put it where the old one is used, then take the old one back."),),
)
SECRET_UNREADABLE = AlarmType(
    name="secretUnreadable",
    number=27,
    title=_("A stored secret cannot be read"),
    entity="secret",
    severity=Severity.MAJOR,
    text=_("The secret {source} cannot be read: {detail}"),
    cause="configurationOrCustomizationError",
    effect=_("Calls to the bots that use it are refused."),
    steps=(
        _("Give its key back in FIELD_KEYS, behind the key that is used now."),
        _("If the key is lost, set the secret again on its page."),
        _("A secret of a key vault: look whether the vault can be reached and still has it."),
    ),
    forget_after_s=86_400.0,
)
DISK_SPACE = AlarmType(
    name="diskSpaceLow",
    number=28,
    title=_("The disk is nearly full"),
    entity="host",
    severity=Severity.MAJOR,
    text=_("The disk of {source} is nearly full: {detail}"),
    cause="storageCapacityProblem",
    effect=_("Nothing yet. When it is full, call records and new prompts cannot be stored."),
    steps=(
        _("Delete what is not needed, or give the machine more room."),
        _("Keep transcripts and synthesised prompts for a shorter time."),
    ),
    forget_after_s=600.0,
)
DIALOUT_FAILURE_RATE = _Often(
    name="dialoutFailureRate",
    number=29,
    title=_("Many outbound calls fail"),
    entity="bot",
    text=_("Outbound calls of bot {source} fail: {detail}"),
    cause="thresholdCrossed",
    effect=_("People are not called."),
    steps=(
        _("Compare the end reasons of the latest outbound calls."),
        _("Test the carrier's provider on its page; look for limits of your account there."),
    ),
)
PLUGIN_UNAVAILABLE = AlarmType(
    name="pluginUnavailable",
    number=30,
    title=_("A plug-in or hook cannot be loaded"),
    entity="plugin",
    severity=Severity.MINOR,
    text=_("{source} cannot be loaded: {detail}"),
    cause="configurationOrCustomizationError",
    effect=_("Bots that use it take no calls; others are not affected."),
    steps=(_("Mend or remove it, then restart the gateway."),),
)
BOT_MISCONFIGURED = AlarmType(
    name="botMisconfigured",
    number=31,
    title=_("A bot takes no calls"),
    entity="bot",
    severity=Severity.MAJOR,
    text=_("Bot {source} takes no calls: {detail}"),
    cause="configurationOrCustomizationError",
    effect=_("Callers of this bot are refused."),
    steps=(_("Open the bot; the field that is wrong says what would be right."),),
)
DESTINATION_FAILING = AlarmType(
    name="alarmDestinationFailing",
    number=32,
    title=_("Alarms do not reach a destination"),
    entity="destination",
    severity=Severity.MINOR,
    text=_("Destination {source} takes no alarms: {detail}"),
    cause="communicationsSubsystemFailure",
    effect=_("Callers notice nothing; whoever watches there does not learn of alarms."),
    steps=(
        _("Open the destination: its deliveries say what went wrong; send a test from there."),
        _("When it works again, have all active alarms sent again."),
    ),
)


def _by_name(types: Iterable[AlarmType]) -> dict[str, AlarmType]:
    found: dict[str, AlarmType] = {}
    for each in types:
        if each.name in found or each.number in {other.number for other in found.values()}:
            raise TypeError(f"alarm {each.name} (number {each.number}) is declared twice")
        found[each.name] = each
    return dict(sorted(found.items(), key=lambda item: item[1].number))


CATALOGUE = _by_name(value for value in list(globals().values()) if isinstance(value, AlarmType))
"""Every type by its name, in the order of their numbers."""
