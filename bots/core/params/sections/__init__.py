"""One file per section of the parameter catalogue."""
