"""The driver of a call: turns the engine's commands into I/O and I/O into events."""
