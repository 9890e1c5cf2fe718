"""Starts AudioCodes' channel for Rasa with an assistant of a few lines in place of Rasa.

The channel uses three small things of Rasa; they stand in here, so that Rasa itself is not needed.
Run in the folder of rasa-audiocodes, with a Python that has Sanic. PROACTIVE=1: it opens its
socket, and every answer goes there.
"""

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from sanic import Sanic  # type: ignore[import-not-found]  # not ours

sys.path.insert(0, os.getcwd())  # noqa: PTH109 - pathlib has no shorter word for it

GREETING = "Hello from Rasa."
GOODBYE = {"type": "event", "name": "hangup", "activityParams": {"hangupReason": "Said goodbye"}}


class InputChannel:
    """Where messages come from."""


class OutputChannel:
    """Where answers go."""


class UserMessage:
    """What somebody said; events come as intents."""

    def __init__(self, text: str, output_channel: Any, sender_id: str, metadata: Any = None):
        self.text = text
        self.output_channel = output_channel
        self.sender_id = sender_id


async def scheduler() -> SimpleNamespace:
    """Nothing is cleaned up in a test."""
    return SimpleNamespace(add_job=lambda *work, **times: SimpleNamespace(remove=lambda: None))


def stand_in(name: str, **contents: Any) -> None:
    """Have ``name`` imported as a module with ``contents``."""
    module = ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module


stand_in("rasa")
stand_in("rasa.core", jobs=SimpleNamespace(scheduler=scheduler))
stand_in("rasa.shared")
stand_in("rasa.shared.constants", INTENT_MESSAGE_PREFIX="/")
stand_in("rasa.core.channels")
stand_in(
    "rasa.core.channels.channel",
    InputChannel=InputChannel,
    OutputChannel=OutputChannel,
    UserMessage=UserMessage,
)

from rasa_audiocodes import (  # type: ignore[import-not-found]  # noqa: E402 - see above
    AudiocodesInput,
)


async def answer(said: UserMessage) -> None:
    """Greet, repeat what is said, and hang up on goodbye."""
    print(said.text, flush=True)
    if said.output_channel is None:
        return
    if said.text.startswith("/vaig_event_start"):
        await said.output_channel.send_text_message(said.sender_id, GREETING)
    elif "goodbye" in said.text.lower():
        await said.output_channel.send_text_message(said.sender_id, "Goodbye.")
        await said.output_channel.send_custom_json(said.sender_id, dict(GOODBYE))
    elif not said.text.startswith("/"):
        await said.output_channel.send_text_message(said.sender_id, f"You said {said.text}.")


channel = AudiocodesInput(
    token=os.environ["ACCESS_TOKEN"],
    websocket_is_on=bool(os.environ.get("PROACTIVE")),
    keep_alive="20",
)
app = Sanic("rasa")
app.blueprint(channel.blueprint(answer), url_prefix="/webhooks/audiocodes")

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PEER_PORT"]), single_process=True)
