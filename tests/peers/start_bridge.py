"""Starts deepgram-audiocodes-bridge with the voice agent of its DEEPGRAM_URL.

The bridge has Deepgram's address as a constant, so it is replaced before the first call. Run in
the folder of the bridge, with its own Python.
"""

import asyncio
import os
import sys

sys.path.insert(0, os.getcwd())  # noqa: PTH109 - pathlib has no shorter word for it

from deepgram_audiocodes_bridge import (  # type: ignore[import-not-found]  # not ours
    BridgeConfig,
    DeepgramBridge,
    deepgram_handler,
)

deepgram_handler._DEEPGRAM_AGENT_URL = os.environ["DEEPGRAM_URL"]

bridge = DeepgramBridge(
    BridgeConfig(
        deepgram_api_key=os.environ["DEEPGRAM_API_KEY"],
        deepgram_config={
            "agent": {
                "listen": {
                    "provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}
                },
                "think": {
                    "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
                    "prompt": "You are a helpful assistant.",
                },
                "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
                "greeting": "Hello from the bridge.",
            }
        },
        ac_token=os.environ["ACCESS_TOKEN"],
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
    )
)
asyncio.run(bridge.run())
