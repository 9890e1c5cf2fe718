"""REST API of this room: calls and dialouts."""
