"""The pure conversation engine: typed events in, typed commands out, the time is an argument."""
