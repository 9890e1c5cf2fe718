"""REST API of this room: bots, providers and routes."""
