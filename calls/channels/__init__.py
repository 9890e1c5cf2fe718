"""Voice channels: one file each; how a call's audio and signalling enter the gateway."""
