"""Tasks from the queue to their verdict: who runs where, and what the end of one causes."""
