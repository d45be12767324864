"""The host as a whole: how it starts, and what it refuses."""
