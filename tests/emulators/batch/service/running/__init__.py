"""Tasks from the queue to their verdict through the client."""
