"""The commands: gateway, web, prepare."""
