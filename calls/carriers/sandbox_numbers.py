"""The numbers of the dialer sandbox: who is reached at each, and what they do. Pure.

They are numbers reserved for fiction (NANP 555-0100 to 555-0199), so that none of them rings at
somebody's place if it gets out by mistake.
"""

from typing import Literal

import msgspec

from bots.core.texts import gettext_noop
from calls.testcall.plan import Digits, HangUp, Manner, Outcome, Silence, Step, Text, Words

SIP_HOST = "sandbox"
LATE_REPLY_S = 3.0
CUT_AFTER_S = 2.0
GREETING_AFTER_S = 0.5
"""How soon after picking up people speak."""
PATIENT_S = 60.0
"""How long one stays on the line who says nothing."""

Manners = Literal["talks", "silent", "voicemail", "hangs-up", "keys"]
Reply = Literal["prompt", "late", "refused", "overtaken"]


class Callee(msgspec.Struct, frozen=True, kw_only=True):
    """Who is reached at a number: ``pick_up`` says whether anybody, ``manner`` what they do then.

    ``reply`` is how the carrier answers the order: at once, `LATE_REPLY_S` later, not at all, or
    only after the call was answered.
    """

    name: str
    number: str
    summary: str
    manner: Manners = "talks"
    pick_up: Outcome = "answered"
    transfer: Outcome = "answered"
    reply: Reply = "prompt"
    drops: bool = False
    """Whether the line breaks without a word `CUT_AFTER_S` after the answer."""
    says: tuple[str, ...] = ("I want to pay my bill", "Yes please", "No thank you")

    @property
    def sip(self) -> str:
        """The same callee as a ``sip:`` URI."""
        return f"sip:{self.name}@{SIP_HOST}"


_AGENT = ("I want to speak to an agent",)

CALLEES = (
    Callee(
        name="talks",
        number="+12025550100",
        summary=gettext_noop("Answers and talks, then hangs up."),
    ),
    Callee(
        name="silent",
        number="+12025550101",
        summary=gettext_noop("Answers and says nothing."),
        manner="silent",
    ),
    Callee(name="busy", number="+12025550102", summary=gettext_noop("Is busy."), pick_up="busy"),
    Callee(
        name="no-answer",
        number="+12025550103",
        summary=gettext_noop("Rings until the answer timeout."),
        pick_up="no-answer",
    ),
    Callee(
        name="declines",
        number="+12025550104",
        summary=gettext_noop("Declines."),
        pick_up="declined",
    ),
    Callee(
        name="voicemail",
        number="+12025550105",
        summary=gettext_noop("Is answered by a machine: a long greeting, a tone, silence."),
        manner="voicemail",
    ),
    Callee(
        name="hangs-up",
        number="+12025550106",
        summary=gettext_noop("Answers and hangs up at once."),
        manner="hangs-up",
    ),
    Callee(
        name="transfer",
        number="+12025550107",
        summary=gettext_noop("Asks for an agent; a transfer is answered."),
        says=_AGENT,
    ),
    Callee(
        name="transfer-fails",
        number="+12025550108",
        summary=gettext_noop("Asks for an agent; a transfer finds the line busy."),
        says=_AGENT,
        transfer="busy",
    ),
    Callee(
        name="refused",
        number="+12025550109",
        summary=gettext_noop("The carrier refuses the order."),
        reply="refused",
    ),
    Callee(
        name="fails",
        number="+12025550110",
        summary=gettext_noop("Rings, and then the carrier fails."),
        pick_up="error",
    ),
    Callee(
        name="drops",
        number="+12025550111",
        summary=gettext_noop("Answers, and the line breaks during the call."),
        manner="silent",
        drops=True,
    ),
    Callee(
        name="slow",
        number="+12025550112",
        summary=gettext_noop("Like the first; the carrier takes 3 s to take the order."),
        reply="late",
    ),
    Callee(
        name="overtakes",
        number="+12025550113",
        summary=gettext_noop(
            "Like the first; is answered before the carrier and the gateway have replied."
        ),
        reply="overtaken",
    ),
    Callee(
        name="keys",
        number="+12025550114",
        summary=gettext_noop("Answers and presses keys, then hangs up."),
        manner="keys",
    ),
)

_BY_TARGET = {target: c for c in CALLEES for target in (f"tel:{c.number}", c.number, c.sip)}


def callee_at(target: str) -> Callee | None:
    """Who is reached at a ``tel:`` or ``sip:`` URI or a bare number; None: no sandbox number."""
    return _BY_TARGET.get(target)


def holds_reply(target: str) -> bool:
    """Whether the dialer gets the reply to its request only after the first notification."""
    callee = callee_at(target)
    return callee is not None and callee.reply == "overtaken"


NO_SUCH_NUMBER = "The sandbox reaches only its own numbers: " + ", ".join(
    f"{callee.number} ({callee.name})" for callee in CALLEES
)
"""Why a call to anybody else is not placed."""


def steps(
    callee: Callee, *, says: tuple[str, ...], greeting: str, keys: str, text: bool
) -> tuple[Step, ...]:
    """What the callee does once the call is answered; words are `Text` in a ``text`` session."""
    turn = Text if text else Words
    match callee.manner:
        case "hangs-up":
            return (HangUp(),)
        case "silent":
            return (Silence(PATIENT_S), HangUp())
        case "voicemail":
            # A machine does not care whether the bot speaks.
            recording = (Manner.TALK_OVER, Silence(GREETING_AFTER_S), turn(greeting))
            return (*recording, Silence(PATIENT_S), HangUp())
        case "keys":
            return (Silence(GREETING_AFTER_S), Digits(keys))
        case _:
            return (Silence(GREETING_AFTER_S), *(turn(words) for words in says or callee.says))
