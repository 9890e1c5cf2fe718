"""Whatever writes alarms: one transaction each, in the order of the one lock."""
