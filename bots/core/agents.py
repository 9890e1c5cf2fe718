"""What voice agents tell about their work: the names of `bots.core.ports.AgentReport`.

A voice agent is a bot that hears, thinks and speaks itself. Whatever the vendor calls these things,
hooks, events of the call and the transcript know them by these names.
"""

from typing import Literal

ReportName = Literal[
    "connected",
    "reconnected",
    "thinking",
    "speaking",
    "audio_done",
    "latency",
    "history",
    "function_call",
    "function_cancelled",
    "function_response",
    "prompt_updated",
    "speak_updated",
    "think_updated",
    "listen_updated",
    "injection_refused",
    "warning",
    "error",
]
"""Details, all JSON:

- ``connected`` and ``reconnected``: ``request_id`` of the vendor, for its support;
- ``thinking``: ``content``; ``speaking``: nothing; ``audio_done``: nothing;
- ``latency``: any of ``stt_ms``, ``think_ms``, ``tts_ms``, ``total_ms``;
- ``history``: an entry of the talk in the vendor's shape;
- ``function_call``: ``id``, ``name``, ``arguments`` (an object), ``client_side``;
  ``function_cancelled``: ``id``, ``name``; ``function_response``: ``id``, ``name``, ``content``;
- ``*_updated``: nothing; ``injection_refused``: ``message``;
- ``warning`` and ``error``: ``code``, ``description``; after an error the talk may go on.
"""

LATENCIES = ("stt_ms", "think_ms", "tts_ms", "total_ms")
"""What ``latency`` may tell of the answer in hand."""
