"""What happens on a line: voice channels, the conversation engine, media, records, live feed."""
