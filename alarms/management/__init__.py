"""Commands of the alarms room."""
