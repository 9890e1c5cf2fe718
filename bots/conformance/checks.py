"""What is checked of a bot: every check declared once, for the report, the pages and the documents.

A check says what it proves and how it is graded; ``fix`` says what to do when it fails.
"""

from enum import StrEnum

import msgspec

from bots.core.texts import gettext_noop as _


class Group(StrEnum):
    """Which part of the report a check belongs to, in the order of the report."""

    WAY = _("The way to the bot")
    ACCESS = _("Who is let in")
    PROTOCOL = _("Protocol")
    CONVERSATION = _("Conversation")
    VOICE = _("Voice")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check; texts are English and marked for translation."""

    id: str
    group: Group
    title: str
    proves: str
    grading: str
    fix: str


CHECKS = (
    # --- the way to the bot ---
    Check(
        id="configuration",
        group=Group.WAY,
        title=_("Configuration"),
        proves=_("The stored configuration works, and the bot takes calls."),
        grading=_("Failed if a call would not even begin; then nothing else is tried."),
        fix=_("Correct what is named, on the bot or in its providers."),
    ),
    Check(
        id="address",
        group=Group.WAY,
        title=_("Address"),
        proves=_("The configuration says where the bot is."),
        grading=_("Failed without an address; bots that are part of the gateway need none."),
        fix=_("Set the address in the provider of the bot framework."),
    ),
    Check(
        id="dns",
        group=Group.WAY,
        title=_("Name"),
        proves=_("The host name leads to addresses that the gateway may reach."),
        grading=_("Failed if the name is unknown, or all its addresses are refused."),
        fix=_(
            "Correct the host name, or have the DNS server know it. A bot in a private network "
            "needs an entry in the setting OUTBOUND_ALLOW."
        ),
    ),
    Check(
        id="tcp",
        group=Group.WAY,
        title=_("Connection"),
        proves=_("Something accepts connections at the port; tells how long that takes."),
        grading=_("Failed without a connection in 5 s; a warning if it takes longer than 1 s."),
        fix=_("See that the bot is running and that no firewall is in between."),
    ),
    Check(
        id="tls",
        group=Group.WAY,
        title=_("TLS certificate"),
        proves=_("The certificate is trusted, names the host, and is good for some time yet."),
        grading=_(
            "Failed if it is not trusted; a warning if that is allowed by botAllowSelfSignedCert, "
            "if it expires within 14 days, or if there is no TLS at all beyond this machine."
        ),
        fix=_("Renew the certificate, and have the server send the whole chain."),
    ),
    # --- who is let in ---
    Check(
        id="oauth",
        group=Group.ACCESS,
        title=_("OAuth token"),
        proves=_("The OAuth server gives the gateway an access token."),
        grading=_("Failed if it gives none; skipped where OAuth is not configured."),
        fix=_("Compare oauthTokenUrl, oauthScope and the credentials with the OAuth server's."),
    ),
    Check(
        id="token",
        group=Group.ACCESS,
        title=_("The gateway is let in"),
        proves=_("The bot accepts what the gateway proves itself with."),
        grading=_("Failed if the bot refuses it; information where nothing is configured."),
        fix=_("Enter the token that the bot expects in the provider's credentials."),
    ),
    Check(
        id="wrong-token",
        group=Group.ACCESS,
        title=_("Strangers are kept out"),
        proves=_("The bot refuses a wrong token."),
        grading=_("A warning if a wrong token is accepted: the bot is open to everybody."),
        fix=_("Have the bot compare the token, and answer 401 before it does anything else."),
    ),
    # --- protocol ---
    Check(
        id="health",
        group=Group.PROTOCOL,
        title=_("Health"),
        proves=_("The bot says that it is well, without a conversation."),
        grading=_(
            "Failed if it says that it is not; information if it does not know the question."
        ),
        fix=_('Answer GET and POST of the address with {"type": "ac-bot-api", "success": true}.'),
    ),
    Check(
        id="handshake",
        group=Group.PROTOCOL,
        title=_("Beginning"),
        proves=_("The answer that begins a conversation holds what it has to."),
        grading=_(
            "Failed if a conversation cannot begin; a warning if something is missing that the "
            "gateway can do without, or a media format was chosen that was not offered."
        ),
        fix=_("Compare the answer with the Bot API: every URL, the expiry, the media format."),
    ),
    Check(
        id="refresh",
        group=Group.PROTOCOL,
        title=_("Refresh"),
        proves=_("A conversation can be kept alive in a long silence."),
        grading=_("Failed if the refresh is refused; skipped without a refreshURL."),
        fix=_("Answer the refresh with 200, and with expiresSeconds if it changes."),
    ),
    Check(
        id="proactive",
        group=Group.PROTOCOL,
        title=_("Socket for the bot's own messages"),
        proves=_("The WebSocket that the bot offers can be opened."),
        grading=_("Failed if it cannot; skipped where the bot offers none."),
        fix=_("Accept the same token there, or leave websocketURL out."),
    ),
    Check(
        id="repeated",
        group=Group.PROTOCOL,
        title=_("Repeated activity"),
        proves=_("An activity that comes again with the same id is not answered again."),
        grading=_("A warning if it is answered twice: callers hear an answer twice."),
        fix=_("Remember the ids of the activities of a conversation, and ignore known ones."),
    ),
    Check(
        id="disconnect",
        group=Group.PROTOCOL,
        title=_("End"),
        proves=_("The end of a call is accepted, and the conversation is over afterwards."),
        grading=_("Failed if the end is refused; a warning if the conversation goes on."),
        fix=_("Answer the end with 200, and requests of an ended conversation with 404."),
    ),
    Check(
        id="resume",
        group=Group.PROTOCOL,
        title=_("Resume on a new connection"),
        proves=_("A call survives the loss of its connection."),
        grading=_("Information if the bot does not know how: such a loss then ends the call."),
        fix=_("Keep the session by its conversation id for some seconds after a lost connection."),
    ),
    Check(
        id="slips",
        group=Group.PROTOCOL,
        title=_("Slips against the protocol"),
        proves=_("All the bot sent could be read."),
        grading=_("A warning for everything that the gateway had to ignore."),
        fix=_("Look at the trace: what was ignored is told beside the message."),
    ),
    # --- conversation ---
    Check(
        id="dialogue",
        group=Group.CONVERSATION,
        title=_("Dialogue"),
        proves=_("Every state of a script bot can be reached."),
        grading=_("A warning for states that no caller can come to."),
        fix=_("Lead to the state from another one, or delete it."),
    ),
    Check(
        id="join",
        group=Group.CONVERSATION,
        title=_("Joining a call"),
        proves=_("The bot takes a conversation; tells how long that takes."),
        grading=_("Failed if it does not; a warning if it takes longer than 2 s."),
        fix=_("Accept the conversation first and prepare the rest afterwards."),
    ),
    Check(
        id="greeting",
        group=Group.CONVERSATION,
        title=_("Greeting"),
        proves=_("The bot speaks first."),
        grading=_("Information if it stays silent; a warning if it takes longer than 3 s."),
        fix=_("Answer the event start, or set a welcome message on the bot."),
    ),
    Check(
        id="answer",
        group=Group.CONVERSATION,
        title=_("Answer to a caller"),
        proves=_("The bot answers what a caller says."),
        grading=_("A warning if nothing comes, or it takes longer than 5 s."),
        fix=_("See in the bot's own log what became of the message."),
    ),
    Check(
        id="patience",
        group=Group.CONVERSATION,
        title=_("Patience with a slow bot"),
        proves=_("The slowest answer comes before the bot's own timers give up."),
        grading=_(
            "Failed if it is slower than botNoInputGiveUpTimeoutMS; a warning if it is slower than "
            "botNoInputTimeoutMS."
        ),
        fix=_("Make the bot faster or the timeout longer."),
    ),
    Check(
        id="dtmf",
        group=Group.CONVERSATION,
        title=_("Keys"),
        proves=_("The bot goes on after a key was pressed."),
        grading=_("Failed if it breaks; whether it answers is its own affair."),
        fix=_("Take the event DTMF, whose value is a text, or set sendDTMF to false."),
    ),
    Check(
        id="no-input",
        group=Group.CONVERSATION,
        title=_("Silence of the caller"),
        proves=_("The bot goes on after the event noUserInput."),
        grading=_("Failed if it breaks; whether it answers is its own affair."),
        fix=_("Take the event noUserInput, or leave it out of sendEventsToBot."),
    ),
    Check(
        id="unknown-event",
        group=Group.CONVERSATION,
        title=_("Unknown events"),
        proves=_("The bot ignores events that it does not know."),
        grading=_("Failed if it breaks: a newer gateway may send more."),
        fix=_("Ignore unknown event names, types and fields."),
    ),
    Check(
        id="markup",
        group=Group.CONVERSATION,
        title=_("Texts and SSML"),
        proves=_("Texts can be spoken: SSML is well-formed, nothing is empty."),
        grading=_("A warning for SSML that cannot be read, and for tags outside <speak>."),
        fix=_("Escape & and <, close every element, and put <speak> around all of it."),
    ),
    Check(
        id="settings",
        group=Group.CONVERSATION,
        title=_("Parameters of the bot"),
        proves=_("The bot sets only parameters that exist, to values that are possible."),
        grading=_("A warning for each that the gateway ignores."),
        fix=_("Compare the names with the page of parameters; some only administrators may set."),
    ),
    Check(
        id="errors",
        group=Group.CONVERSATION,
        title=_("Failures of the bot"),
        proves=_("The bot did not fail while it was talked to."),
        grading=_(
            "Failed if it did, a warning if its connection was lost meanwhile; nobody can force it "
            "to fail, so nothing is proven beyond that."
        ),
        fix=_("See in the bot's own log what happened at that time."),
    ),
    Check(
        id="leave",
        group=Group.CONVERSATION,
        title=_("Leaving a call"),
        proves=_("The conversation can be ended from this side within 5 s."),
        grading=_("Failed if it cannot."),
        fix=_("Close the connection when the end of the call was told."),
    ),
    # --- voice ---
    Check(
        id="caller-audio",
        group=Group.VOICE,
        title=_("The caller's audio"),
        proves=_("The bot takes the caller's audio and notices speech in it."),
        grading=_("Failed if it refuses the audio; a warning if it tells nothing of the speech."),
        fix=_("Send the events of speech (started, hypothesis, recognition) to the gateway."),
    ),
    Check(
        id="spoken-question",
        group=Group.VOICE,
        title=_("Answer to a spoken question"),
        proves=_("The bot answers what it heard; tells the delay after the last word."),
        grading=_("A warning if no answer comes, or it takes longer than 3 s."),
        fix=_("See in the bot's own log what it has recognised."),
    ),
    Check(
        id="play-stream",
        group=Group.VOICE,
        title=_("The bot's own voice"),
        proves=_("What the bot speaks arrives whole: it begins, has audio, ends, has a text."),
        grading=_("Failed without audio; a warning if it does not end, lags, or has no text."),
        fix=_(
            "Send playStream.start, chunks at least at the speed of speech, and playStream.stop; "
            "altText is the line in the transcript."
        ),
    ),
    Check(
        id="barge-in",
        group=Group.VOICE,
        title=_("Interruption"),
        proves=_("The bot notices a caller who speaks into its prompt."),
        grading=_("A warning if it says nothing of it: the caller cannot interrupt the bot."),
        fix=_("Send speech started or a hypothesis as soon as the caller speaks, at any time."),
    ),
)
"""All of them, in the order of the report."""

BY_ID = {check.id: check for check in CHECKS}
