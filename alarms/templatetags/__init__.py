"""What pages about alarms need in templates."""
