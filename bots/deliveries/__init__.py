"""Telling other systems by HTTP: an outbox in the database and the courier that empties it."""
