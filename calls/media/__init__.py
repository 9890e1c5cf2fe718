"""The audio plane of a call: gate, player, pacer. No ORM, no channel layer, no task queue."""
