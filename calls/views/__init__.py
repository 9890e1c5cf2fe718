"""The console's pages about calls."""
