"""The talk so far, as another session of the agent can be begun with."""

from collections import deque

import msgspec

from bots.core.activities import Json
from bots.core.json_bounds import is_too_deep
from bots.protocols.deepgram_agent.messages import History

MAX_ENTRIES = 400
MAX_CHARACTERS = 200_000
"""Of all entries together, as JSON; beyond either the oldest are forgotten."""


class Talk:
    """Entries that the server reports; the lines of the talk where it reports none."""

    def __init__(self) -> None:
        self._reported = _Entries()
        self._lines = _Entries()

    def said(self, role: str, content: str) -> None:
        """A line of the talk."""
        if content:
            self._lines.add({"type": "History", "role": role, "content": content})

    def entered(self, message: History) -> Json | None:
        """The entry that the server reports; None: it holds nothing."""
        entry: Json = {"type": "History"}
        if message.role in ("user", "assistant") and message.content:
            entry |= {"role": message.role, "content": message.content}
        elif message.function_calls and not is_too_deep(message.function_calls):
            entry["function_calls"] = message.function_calls
        else:
            return None
        self._reported.add(entry)
        return entry

    def entries(self) -> list[Json]:
        """What is remembered, the oldest first."""
        return self._reported.all() or self._lines.all()

    def resumed(self) -> tuple[list[Json], str]:
        """What another session is begun with, and what the caller has then to say again.

        Words of the caller that nobody has answered would stay so: history is no question.
        """
        entries = self.entries()
        if not entries or entries[-1].get("role") != "user":
            return entries, ""
        return entries[:-1], str(entries[-1]["content"])


class _Entries:
    def __init__(self) -> None:
        self._entries: deque[tuple[Json, int]] = deque()
        self._characters = 0

    def add(self, entry: Json) -> None:
        size = len(msgspec.json.encode(entry))
        self._entries.append((entry, size))
        self._characters += size
        while len(self._entries) > MAX_ENTRIES or self._characters > MAX_CHARACTERS:
            self._characters -= self._entries.popleft()[1]

    def all(self) -> list[Json]:
        return [entry for entry, _ in self._entries]
