"""Management commands of calls."""
