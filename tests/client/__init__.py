"""The Python client: its own decisions, and all of it against the engine's handlers."""
