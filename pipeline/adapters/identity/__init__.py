"""The identity of the app towards Azure, and of callers towards the app."""
