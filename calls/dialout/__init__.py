"""Outbound calls under way in this process: claimed, placed by a carrier, watched to their end."""
