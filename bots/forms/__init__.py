"""What people fill in about the configuration."""
