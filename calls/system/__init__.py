"""How the gateway itself is doing: its processes, what it depends on, what waits, what runs out."""
