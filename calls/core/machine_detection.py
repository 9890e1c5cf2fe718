"""Whether a person or a machine answered an outbound call.

`Detection` is fed what is heard after the answer and says when it is sure. It waits for evidence of
a machine and takes whoever gives none for a person, so that nobody waits for it: the conversation
goes on meanwhile. All times are seconds on the engine's clock. Thresholds are the parameters of
`bots.core.params.sections.machine_detection`.

======================================================  =======
what is heard                                           verdict
======================================================  =======
a greeting longer than ``machineGreetingMS``            machine
``machineWordCount`` words                              machine
one of ``machinePhrases``                               machine
a shorter greeting, then ``machineSilenceMS`` without   human
voice, and its words are known
nothing for ``machineNoSpeechTimeoutMS``                human
none of this for ``machineDecisionTimeoutMS``           human
======================================================  =======
"""

import re

from bots.core.activities import Activity
from bots.core.params.sections.machine_detection import MachineDetection
from calls.core.commands import Answerer

_WORDS = re.compile(r"\w+")
_MACHINES = frozenset({"machine", "fax"})


class Detection:
    """One call from its answer to the verdict.

    ``lag_s``: a voice that falls silent is known to have done so this much later.
    """

    def __init__(self, params: MachineDetection, answered_at: float, *, lag_s: float) -> None:
        self._word_count = params.machine_word_count
        self._phrases = [f" {_plain(phrase)} " for phrase in params.machine_phrases]
        self._greeting_s = params.machine_greeting_ms / 1000
        self._silence_s = params.machine_silence_ms / 1000
        self._no_speech_at = answered_at + params.machine_no_speech_timeout_ms / 1000
        self._decided_at = answered_at + params.machine_decision_timeout_ms / 1000
        self._lag_s = lag_s
        self._said = ""
        """The words that are final."""
        self._began_at: float | None = None
        """When the greeting began."""
        self._silent_since: float | None = None
        """When the voice stopped that was heard last; None while it is heard."""
        self._words_are_due = False
        """A voice was heard whose words are not known yet."""

    def voice_started(self, now: float) -> None:
        """A voice began."""
        self._began_at = now if self._began_at is None else self._began_at
        self._silent_since = None
        self._words_are_due = True

    def voice_stopped(self, at: float) -> Answerer | None:
        """It fell silent at ``at``."""
        if self._began_at is None:
            return None
        self._silent_since = at
        return "machine" if at - self._began_at > self._greeting_s else None

    def said(self, text: str, now: float, *, final: bool) -> Answerer | None:
        """The recogniser's word, interim or final."""
        words = f"{self._said} {_plain(text)}"
        if len(words.split()) >= self._word_count or self._betrays(words):
            return "machine"
        if final:
            self._words_are_due = False
            self._said = words
            if text and self._began_at is None:  # nobody tells of voices here
                self._began_at = self._silent_since = now
        return None

    def _betrays(self, words: str) -> bool:
        return any(phrase in f"{words} " for phrase in self._phrases)

    @property
    def deadline(self) -> float:
        """When `expired` is to be called, if nothing is heard before."""
        return min(self._next(), self._decided_at)

    def _next(self) -> float:
        if self._began_at is None:
            return self._no_speech_at
        if self._silent_since is None:
            return self._began_at + self._greeting_s + self._lag_s
        return self._decided_at if self._words_are_due else self._silent_since + self._silence_s

    def expired(self, now: float) -> Answerer | None:
        """The verdict, if the `deadline` has come."""
        if now < self.deadline:
            return None
        speaks = self._began_at is not None and self._silent_since is None
        return "machine" if speaks and now >= self._next() else "human"


def told(activity: Activity) -> Answerer | None:
    """The verdict of a voice side that listens itself, in its event ``machineDetection``.

    A fax counts as a machine. None: it is another event, or says something else.
    """
    value = activity.value if isinstance(activity.value, dict) else {}
    if activity.event != "machinedetection":
        return None
    detected = value.get("detected")
    if detected == "human":
        return "human"
    return "machine" if isinstance(detected, str) and detected in _MACHINES else None


def _plain(text: str) -> str:
    """The words of ``text`` in lower case, one blank between them."""
    return " ".join(_WORDS.findall(text.casefold()))
