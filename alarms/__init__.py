"""What is wrong right now: the alarm catalogue, active alarms, history and notifiers."""
