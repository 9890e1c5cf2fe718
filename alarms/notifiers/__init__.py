"""One file for each way of telling somebody outside (`alarms.core.ports.Notifier`)."""
