"""URLs of the pages about configuration and people."""
