"""A dialogue written as data, and the pure machine that talks along it.

::

    Dialogue.parse(obj)            validate; every mistake is named with its path
    DialogueRun(dialogue, call)    one conversation
        .receive(activity)         what the caller did -> what the bot does: activities, pauses,
                                   and the faults it rehearses
    explain(dialogue)              the same dialogue, line by line, for people

`form` is the form of the data, `checked` what the form alone cannot refuse, `matching` finds the
answer that the caller's words mean, `run` keeps the place in the conversation.
"""

from bots.protocols.dialogue.checked import Dialogue
from bots.protocols.dialogue.explained import explain
from bots.protocols.dialogue.run import Deed, DialogueRun, Fail, Leave, Pause

__all__ = ["Deed", "Dialogue", "DialogueRun", "Fail", "Leave", "Pause", "explain"]
