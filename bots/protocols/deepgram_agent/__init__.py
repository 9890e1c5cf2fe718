"""The Deepgram Voice Agent API, client side, without I/O."""
