"""Writes of alarms: what is told, what people do about it, and who is notified."""
