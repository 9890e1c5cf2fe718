"""The pure floor of the bots room: no framework, no event loop, no network, no clock."""
