"""The worker: its death, and the consequences."""
