"""Template tags of the calls pages."""
