"""The worker: its death, and what follows from it."""
