"""The console's pages about alarms."""
