"""What a bot is and whom it talks to: parameters, providers, connectors and speech services."""
