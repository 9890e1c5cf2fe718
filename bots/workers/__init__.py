"""Speech engines that run in processes of their own, off the event loop."""
