"""A dialogue written as data, and the pure machine that talks along it.

::

    Dialogue.parse(obj)            validate; every mistake is named with its path
    DialogueRun(dialogue, call)    one conversation
        .receive(activity)         what the caller did -> what the bot says and does

`form` is the form of the data, `checked` what the form alone cannot refuse, `matching` finds the
answer that the caller's words mean, `run` keeps the place in the conversation.
"""

from bots.protocols.dialogue.checked import Dialogue
from bots.protocols.dialogue.run import DialogueRun

__all__ = ["Dialogue", "DialogueRun"]
