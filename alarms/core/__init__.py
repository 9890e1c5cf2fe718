"""Pure rules of alarms: what can be wrong, when it counts, and what changes when it is told."""
