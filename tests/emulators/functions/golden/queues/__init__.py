"""Replays what was recorded of the queue trigger and the queue output."""
