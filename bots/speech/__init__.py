"""Speech providers: one file each, found by directory scan (see bots.core.registry)."""
