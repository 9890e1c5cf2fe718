"""The console's pages about configuration and people."""
